SELECT version_num FROM proctor.alembic_version
