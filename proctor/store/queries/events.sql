SELECT e AS event FROM proctor.event e
WHERE e.n > $1 AND ($3::text IS NULL OR e.run_id = $3)
ORDER BY e.n LIMIT $2
