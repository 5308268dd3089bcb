SELECT c.run_id, c.step, c.call, p.recorded_at AS at, r.tenant, r.agent, r.requester, r.bundle_digest,
       c.tool, c.decision, c.arguments_digest, b.body AS arguments, e.state AS effect
FROM proctor.plan p
JOIN proctor.run r ON r.run_id = p.run_id
JOIN proctor.planned_call c ON c.run_id = p.run_id AND c.step = p.step
LEFT JOIN proctor.content b ON b.digest = c.arguments_digest
LEFT JOIN proctor.effect e ON e.key = c.run_id || '/' || c.step || '/' || c.call
WHERE r.agent = $1
  AND (p.recorded_at, c.run_id, c.step, c.call) > ($2::timestamptz, $3::text, $4::integer, $5::integer)
ORDER BY p.recorded_at, c.run_id, c.step, c.call
LIMIT $6
