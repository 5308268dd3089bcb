UPDATE proctor.run SET paused_by = $2, driver = $3, acts = $4 WHERE run_id = $1
