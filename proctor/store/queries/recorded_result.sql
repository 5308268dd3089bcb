SELECT t.content_digest, c.body
FROM proctor.transcript t
LEFT JOIN proctor.content c ON c.digest = t.content_digest
WHERE t.run_id = $1 AND t.step = $2 AND t.call = $3 AND t.kind = 'result'
