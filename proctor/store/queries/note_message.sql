-- $1 source, $2 key, $3 seconds to keep it
WITH forgotten AS (
    DELETE FROM proctor.seen_message
    WHERE (source, key) IN (
        SELECT source, key FROM proctor.seen_message WHERE until < clock_timestamp() LIMIT 100 FOR UPDATE SKIP LOCKED
    )
)
INSERT INTO proctor.seen_message (source, key, until)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT DO NOTHING
RETURNING true
