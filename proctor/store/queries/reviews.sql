SELECT r.*, v.verdict, v.by, coalesce(v.reason, '') AS reason, v.decided_at
FROM proctor.review r
LEFT JOIN proctor.review_verdict v ON v.review_id = r.id
WHERE ($1::text IS NULL OR r.agent = $1) AND (NOT $2 OR v.review_id IS NULL)
ORDER BY r.n
