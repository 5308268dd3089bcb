#!/bin/sh
# Makes Temporal's two databases and brings their schemas to the version of this image. Safe to run again.
# Where the databases are comes from SQL_HOST, SQL_PORT, SQL_USER, SQL_PASSWORD and SQL_PLUGIN.
set -eu

versions=/etc/temporal/schema/postgresql/v12

bring_up_to_date() {
  temporal-sql-tool --database "$1" create-database
  temporal-sql-tool --database "$1" setup-schema --version 0.0
  temporal-sql-tool --database "$1" update-schema --schema-dir "$versions/$2/versioned"
}

bring_up_to_date temporal temporal
bring_up_to_date temporal_visibility visibility
