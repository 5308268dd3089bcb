INSERT INTO proctor.principal (name, roles, token_sha256)
VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET roles = EXCLUDED.roles, token_sha256 = EXCLUDED.token_sha256, disabled_at = NULL
RETURNING name
