-- Calls of a run that may have happened and have no outcome.
SELECT step, call
FROM proctor.effect
WHERE run_id = $1 AND kind = 'act' AND state = 'intent'
ORDER BY intent_at DESC, key DESC
