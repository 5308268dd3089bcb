UPDATE proctor.request SET state = 'withdrawn'
WHERE run_id = $1 AND state = 'pending' AND kind IN ('approval', 'question', 'budget')
RETURNING id
