SELECT d.*, e AS event FROM proctor.delivery d JOIN proctor.event e ON e.n = d.event_n
WHERE d.state = 'dead' AND ($1::text IS NULL OR d.channel = $1)
ORDER BY d.done_at DESC LIMIT $2
