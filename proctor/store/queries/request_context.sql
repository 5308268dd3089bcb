-- The newest calls of a run with what became of each, for a person who is asked something about it.
SELECT c.step, c.call, c.tool, c.decision ->> 'author' AS author, t.kind AS outcome, t.content_digest,
    -- Read as text: `->>` refuses a document that holds an escaped NUL anywhere, and others write its reason.
    (SELECT substring(b.body FROM '"rule":"([^"\\]*)"') FROM proctor.content b
      WHERE b.digest = t.content_digest AND t.kind = 'denial') AS rule,
    (SELECT x ->> 'summary' FROM json_array_elements(p.step_plan -> 'calls') x
      WHERE (x ->> 'call')::int = c.call) AS summary
FROM proctor.planned_call c
JOIN proctor.plan p ON p.run_id = c.run_id AND p.step = c.step
LEFT JOIN LATERAL (
    SELECT * FROM proctor.transcript t
    WHERE t.run_id = c.run_id AND t.step = c.step AND t.call = c.call AND t.kind IN ('result', 'failure', 'denial')
    ORDER BY t.n DESC LIMIT 1
) t ON true
WHERE c.run_id = $1 AND c.step < $2
ORDER BY c.step DESC, c.call DESC
LIMIT $3
