INSERT INTO proctor.api_key (id, principal, secret_sha256, roles, label, created_by, created_at, expires_at)
SELECT $1, $2, $3, $4, $5, $6, now(), now() + make_interval(secs => $7)
RETURNING *
