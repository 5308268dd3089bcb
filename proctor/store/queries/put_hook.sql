INSERT INTO proctor.hook (name, agent, tenant, principal, goal, scheme, secret, mapping, by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET
    agent = EXCLUDED.agent, tenant = EXCLUDED.tenant, principal = EXCLUDED.principal, goal = EXCLUDED.goal,
    scheme = EXCLUDED.scheme, secret = EXCLUDED.secret, mapping = EXCLUDED.mapping, by = EXCLUDED.by,
    created_at = EXCLUDED.created_at, disabled_at = NULL
WHERE proctor.hook.disabled_at IS NOT NULL
RETURNING *
