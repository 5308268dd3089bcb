SELECT * FROM proctor.identity
WHERE ($1::text IS NULL OR principal = $1)
  AND ($2::text IS NULL OR (system = $2 AND subject = $3))
ORDER BY principal, system, subject
