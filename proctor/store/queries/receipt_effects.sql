SELECT * FROM proctor.effect WHERE run_id = ANY($1::text[]) ORDER BY run_id, step, call, kind
