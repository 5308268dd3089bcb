SELECT run_id FROM proctor.run WHERE run_id = ANY($1::text[]) AND closed_at IS NULL
