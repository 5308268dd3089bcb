UPDATE proctor.run SET status = $2, status_reason = $3
WHERE run_id = $1 AND closed_at IS NULL AND (status <> 'stopping' OR $2 = 'stopping')
