INSERT INTO proctor.set_aside (run_id, step) VALUES ($1, $2) ON CONFLICT DO NOTHING
