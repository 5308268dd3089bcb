UPDATE proctor.delivery SET state = 'dead', trouble = 'no gateway served this channel', done_at = clock_timestamp()
WHERE id IN (
    SELECT id FROM proctor.delivery
    WHERE state = 'pending' AND next_at < clock_timestamp() - interval '2 days' LIMIT $1 FOR UPDATE SKIP LOCKED)
