SELECT name, roles, is_service FROM proctor.principal WHERE name = $1 AND disabled_at IS NULL
