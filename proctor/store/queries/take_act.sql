WITH taken AS (INSERT INTO proctor.control_act (run_id, n, step) VALUES ($1, $2, $3))
UPDATE proctor.run SET acts_taken = acts_taken + 1 WHERE run_id = $1
