SELECT name, roles FROM proctor.principal WHERE token_sha256 = $1 AND disabled_at IS NULL
