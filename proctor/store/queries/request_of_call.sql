SELECT * FROM proctor.request
WHERE run_id = $1 AND step = $2 AND call = $3 AND kind = 'approval'
ORDER BY created_at DESC, id LIMIT 1
