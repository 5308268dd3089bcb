-- A call that a person edited, with what they wrote; the call that stands in its place, if it was recorded.
SELECT q.run_id, q.step, q.call, d.by, d.arguments_digest, b.body AS arguments,
    (SELECT c FROM proctor.planned_call c
      WHERE c.run_id = q.run_id AND c.step = q.step AND (c.decision ->> 'replaces')::int = q.call) AS replacement,
    (SELECT max(c.call) + 1 FROM proctor.planned_call c WHERE c.run_id = q.run_id AND c.step = q.step) AS free
FROM proctor.request q
JOIN LATERAL (
    SELECT * FROM proctor.decision d WHERE d.request_id = q.id AND d.applied AND d.word = 'edit' ORDER BY d.n DESC LIMIT 1
) d ON true
LEFT JOIN proctor.content b ON b.digest = d.arguments_digest
WHERE q.id = $1 AND q.state = 'edited'
