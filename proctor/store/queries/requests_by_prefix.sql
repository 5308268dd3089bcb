SELECT * FROM proctor.request
WHERE id = $1 OR (length($1) >= $2 AND starts_with(id, $1))
ORDER BY id
LIMIT 10
