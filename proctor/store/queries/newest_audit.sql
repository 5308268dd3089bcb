SELECT kind, body FROM proctor.audit WHERE run_id = $1 ORDER BY n DESC LIMIT 1
