INSERT INTO proctor.run (run_id, tenant, idempotency_key, request_digest, agent, agent_version, owner, autonomy,
                         requester, goal, input_digest, bundle_digest, created_at,
                         input_source)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
RETURNING *
