INSERT INTO proctor.delegation (id, principal, "to", agent, reason, created_at, until)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING *
