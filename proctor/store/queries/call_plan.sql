SELECT r AS run, c AS planned, b.body AS arguments
FROM proctor.planned_call c
JOIN proctor.run r ON r.run_id = c.run_id
LEFT JOIN proctor.content b ON b.digest = c.arguments_digest
WHERE c.run_id = $1 AND c.step = $2 AND c.call = $3
