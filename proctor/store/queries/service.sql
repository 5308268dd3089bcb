SELECT name, roles FROM proctor.principal WHERE name = $1 AND disabled_at IS NULL
