WITH buried AS (
    UPDATE proctor.delivery
    SET state = 'dead', trouble = 'the subscription was disabled', done_at = clock_timestamp()
    WHERE channel = 'webhook:' || $1 AND state = 'pending'
)
UPDATE proctor.webhook SET disabled_at = clock_timestamp(), disabled_why = $2
WHERE id = $1 AND disabled_at IS NULL
RETURNING *
