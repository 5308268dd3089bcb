#!/bin/sh
# Starts Prometheus with the token for the gateways' /metrics in the file $1, for Prometheus reads secrets from files alone.
# Compose cannot put a value of the environment into a file of a container whose root file system is read-only, so it is
# done here, on a tmpfs.
set -eu

: "${PROCTOR_METRICS_TOKEN:?set it in deploy/.env, see deploy/env.example}"
umask 077
printf '%s' "$PROCTOR_METRICS_TOKEN" >"$1"
shift
unset PROCTOR_METRICS_TOKEN
exec prometheus "$@"
