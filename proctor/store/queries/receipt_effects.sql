SELECT * FROM proctor.effect WHERE run_id = $1 ORDER BY step, call, kind
