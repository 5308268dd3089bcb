-- Only for whoever made this claim: $2 are the attempts that it counted.
WITH settled AS (
    UPDATE proctor.delivery
    SET state = $3, trouble = $4, done_at = clock_timestamp()
    WHERE id = $1 AND attempts = $2 AND state = 'pending'
    RETURNING channel, subject
)
INSERT INTO proctor.channel_reference (channel, subject, reference, at)
SELECT channel, subject, $5::text, clock_timestamp() FROM settled WHERE $5::text IS NOT NULL
ON CONFLICT (channel, subject) DO UPDATE SET reference = EXCLUDED.reference, at = EXCLUDED.at
