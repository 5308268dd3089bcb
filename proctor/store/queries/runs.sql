SELECT * FROM proctor.run
WHERE ($1::text IS NULL OR agent = $1) AND (NOT $2 OR closed_at IS NULL)
ORDER BY created_at DESC, run_id
LIMIT $3
