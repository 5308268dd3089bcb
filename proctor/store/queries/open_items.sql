SELECT id, run_id FROM proctor.request
WHERE run_id = ANY($1::text[]) AND state = 'pending' AND kind IN ('unknown_outcome', 'failed_compensation')
ORDER BY created_at
