UPDATE proctor.request SET state = 'withdrawn'
WHERE run_id = ANY($1::text[]) AND state = 'pending' AND kind IN ('approval', 'question', 'budget')
RETURNING id, run_id
