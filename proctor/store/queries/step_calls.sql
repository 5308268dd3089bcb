-- The calls of a step, with what became of each.
SELECT c.call, c.tool, c.node, e.state AS effect_state,
    (SELECT t.kind FROM proctor.transcript t
      WHERE t.run_id = $1 AND t.step = $2 AND t.call = c.call AND t.kind IN ('result', 'failure', 'denial')
      ORDER BY t.n DESC LIMIT 1) AS outcome
FROM proctor.planned_call c
LEFT JOIN proctor.effect e ON e.key = $1::text || '/' || $2::int || '/' || c.call
WHERE c.run_id = $1 AND c.step = $2
ORDER BY c.call
