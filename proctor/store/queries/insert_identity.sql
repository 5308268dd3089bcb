INSERT INTO proctor.identity (system, subject, principal, added_by, added_at)
VALUES ($1, $2, $3, $4, clock_timestamp())
ON CONFLICT (system, subject) DO NOTHING
RETURNING *
