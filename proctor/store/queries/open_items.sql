SELECT id FROM proctor.request
WHERE run_id = $1 AND state = 'pending' AND kind IN ('unknown_outcome', 'failed_compensation')
ORDER BY created_at
