SELECT r AS run, c AS planned, b.body AS arguments,
    (SELECT v.bundle_digest FROM proctor.policy_activation v
      WHERE v.agent = r.agent ORDER BY v.n DESC LIMIT 1) AS active_bundle
FROM proctor.planned_call c
JOIN proctor.run r ON r.run_id = c.run_id
LEFT JOIN proctor.content b ON b.digest = c.arguments_digest
WHERE c.run_id = $1 AND c.step = $2 AND c.call = $3
