UPDATE proctor.webhook
SET former_secret = secret, former_until = clock_timestamp() + make_interval(secs => $3), secret = $2
WHERE id = $1
RETURNING *
