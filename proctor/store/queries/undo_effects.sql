-- The effects of a run with what became of taking each back, newest first.
SELECT e.*, u.state AS undo_state, u.tool AS undo_tool, u.request_id AS undo_request
FROM proctor.effect e
LEFT JOIN proctor.effect u ON u.key = e.key || '/undo'
WHERE e.run_id = $1 AND e.kind = 'act'
ORDER BY e.intent_at DESC, e.key DESC
