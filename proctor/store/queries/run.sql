SELECT * FROM proctor.run WHERE run_id = $1
