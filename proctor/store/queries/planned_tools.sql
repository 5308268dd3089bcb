SELECT DISTINCT tool FROM proctor.planned_call WHERE run_id = $1
