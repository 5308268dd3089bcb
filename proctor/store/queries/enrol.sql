INSERT INTO proctor.principal (name, roles, token_sha256, is_service)
VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET roles = EXCLUDED.roles, token_sha256 = EXCLUDED.token_sha256, disabled_at = NULL
WHERE proctor.principal.is_service = EXCLUDED.is_service
RETURNING name
