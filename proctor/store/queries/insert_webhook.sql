INSERT INTO proctor.webhook (id, url, kinds, agent, tenant, with_arguments, secret, by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp())
RETURNING *
