INSERT INTO proctor.schedule (name, agent, tenant, principal, goal, input, timing, by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET
    agent = EXCLUDED.agent, tenant = EXCLUDED.tenant, principal = EXCLUDED.principal, goal = EXCLUDED.goal,
    input = EXCLUDED.input, timing = EXCLUDED.timing, by = EXCLUDED.by, created_at = EXCLUDED.created_at,
    deleted_at = NULL
WHERE proctor.schedule.deleted_at IS NOT NULL
RETURNING *
