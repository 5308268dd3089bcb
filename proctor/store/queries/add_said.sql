UPDATE proctor.run SET said_bytes = said_bytes + $2 WHERE run_id = $1
