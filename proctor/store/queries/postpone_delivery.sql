UPDATE proctor.delivery SET next_at = clock_timestamp() + make_interval(secs => $3), trouble = $4
WHERE id = $1 AND attempts = $2 AND state = 'pending'
