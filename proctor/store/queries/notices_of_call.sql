SELECT who, text FROM proctor.notice WHERE run_id = $1 AND step = $2 AND call = $3
