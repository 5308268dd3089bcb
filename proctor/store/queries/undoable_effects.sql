-- The newest effects by $2 that may have happened, were not taken back, and are older than $3.
SELECT e.step, e.call, e.intent_at
FROM proctor.effect e
LEFT JOIN proctor.effect u ON u.key = e.key || '/undo'
WHERE e.run_id = $1 AND e.kind = 'act' AND e.tool = ANY ($2::text[]) AND e.state IN ('confirmed', 'intent')
    AND (u.state IS NULL OR u.state IN ('intent', 'attempt_failed'))
    AND ($3::timestamptz IS NULL OR e.intent_at < $3)
ORDER BY e.intent_at DESC, e.key DESC
LIMIT 50
