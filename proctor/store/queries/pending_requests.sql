SELECT * FROM proctor.request
WHERE state = 'pending' AND ($1::text IS NULL OR run_id = $1)
  AND (expires_at > clock_timestamp() OR kind IN ('unknown_outcome', 'failed_compensation'))
ORDER BY created_at, id
