-- $1 source, $2 key, $3 seconds to keep it. One caller at a time forgets what is old; the others do not wait for it.
WITH forgotten AS (
    DELETE FROM proctor.seen_message
    WHERE (SELECT pg_try_advisory_xact_lock(hashtext('proctor.seen_message')))
      AND (source, key) IN (
        SELECT source, key FROM proctor.seen_message WHERE until < clock_timestamp() ORDER BY until LIMIT 100
    )
)
INSERT INTO proctor.seen_message (source, key, until)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT DO NOTHING
RETURNING true
