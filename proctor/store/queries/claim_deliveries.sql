-- The oldest pending delivery of a subject stands before all others of the subject, also while it is leased or waits.
WITH due AS (
    SELECT d.id FROM proctor.delivery d
    WHERE d.channel = $1 AND d.state = 'pending' AND d.next_at <= clock_timestamp()
      AND NOT EXISTS (SELECT 1 FROM proctor.delivery e
                       WHERE e.channel = d.channel AND e.subject = d.subject AND e.state = 'pending'
                         AND e.event_n < d.event_n)
    ORDER BY d.next_at, d.id LIMIT $2
    FOR UPDATE OF d SKIP LOCKED
),
claimed AS (
    UPDATE proctor.delivery d
    SET attempts = d.attempts + 1, next_at = clock_timestamp() + make_interval(secs => $3)
    FROM due WHERE d.id = due.id
    RETURNING d.*
)
SELECT c.*, e AS event,
       (SELECT r.reference FROM proctor.channel_reference r WHERE r.channel = c.channel AND r.subject = c.subject)
           AS reference
FROM claimed c JOIN proctor.event e ON e.n = c.event_n
ORDER BY c.id
