SELECT t.*, c.body
FROM (
    SELECT * FROM proctor.transcript t
    WHERE t.run_id = $1 AND t.kind <> 'proposal'
    ORDER BY t.n DESC LIMIT 1
) t
LEFT JOIN proctor.content c ON c.digest = t.content_digest
