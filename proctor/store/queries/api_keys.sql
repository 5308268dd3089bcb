SELECT * FROM proctor.api_key
WHERE ($1::text IS NULL OR principal = $1) AND ($2::text IS NULL OR id = $2)
ORDER BY created_at DESC, id
