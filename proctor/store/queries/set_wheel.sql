UPDATE proctor.run SET paused_by = $2, driver = $3, acts = $4, said_bytes = said_bytes + $5 WHERE run_id = $1
