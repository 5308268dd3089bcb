SELECT r.*, v.verdict, v.by, coalesce(v.reason, '') AS reason, v.decided_at
FROM proctor.review r
LEFT JOIN proctor.review_verdict v ON v.review_id = r.id
WHERE r.id = $1 OR (length($1) >= $2 AND starts_with(r.id, $1))
ORDER BY r.n
LIMIT 10
