UPDATE proctor.delivery SET state = 'pending', attempts = 0, next_at = clock_timestamp(), done_at = NULL
WHERE id = $1
RETURNING pg_notify('proctor_event', '')
