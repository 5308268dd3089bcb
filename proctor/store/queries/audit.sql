SELECT * FROM proctor.audit WHERE run_id = $1 AND n > $2 ORDER BY n
