SELECT t.*, c.body
FROM unnest($2::text[]) AS wanted (node)
CROSS JOIN LATERAL (
    SELECT * FROM proctor.transcript t
    WHERE t.run_id = $1 AND t.node = wanted.node AND t.node <> '' AND t.kind <> 'proposal'
    ORDER BY t.n DESC LIMIT 1
) t
LEFT JOIN proctor.content c ON c.digest = t.content_digest
