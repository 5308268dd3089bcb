SELECT step, call, tool, tool_version, arguments_digest AS arguments
FROM proctor.planned_call
WHERE run_id = $1
ORDER BY step, call
