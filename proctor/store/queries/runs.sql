SELECT * FROM proctor.run
WHERE ($1::text IS NULL OR agent = $1) AND (NOT $2 OR closed_at IS NULL)
  AND ($4::text IS NULL OR requester = $4)
  AND ($5::timestamptz IS NULL OR created_at < $5 OR (created_at = $5 AND run_id > $6))
ORDER BY created_at DESC, run_id
LIMIT $3
