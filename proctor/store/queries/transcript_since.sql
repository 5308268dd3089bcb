SELECT t.*, c.body
FROM proctor.transcript t
LEFT JOIN proctor.content c ON c.digest = t.content_digest
WHERE t.run_id = $1 AND t.n >= $2
ORDER BY t.n
