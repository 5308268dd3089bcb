-- What is made by a key ends with it: a stolen one must not outlive itself.
INSERT INTO proctor.api_key (id, principal, secret_sha256, roles, label, created_by, created_at, expires_at)
SELECT $1, $2, $3, $4, $5, $6, now(), least(now() + make_interval(secs => $7), $8)
RETURNING *
