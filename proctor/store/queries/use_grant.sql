-- Counts that the call $2 of run $3 uses the grant $1, once however often the call is begun; no row comes back when the
-- grant cannot be used any more. Whoever waits here for another call sees what that call left.
WITH counted AS (
    UPDATE proctor.standing_grant g
    SET uses = g.uses + CASE WHEN EXISTS (
        SELECT FROM proctor.grant_use u WHERE u.key = $2 AND u.grant_id = g.id) THEN 0 ELSE 1 END
    WHERE g.id = $1 AND g.revoked_at IS NULL AND g.expires_at > clock_timestamp()
      AND (g.max_uses IS NULL OR g.uses < g.max_uses OR EXISTS (
          SELECT FROM proctor.grant_use u WHERE u.key = $2 AND u.grant_id = g.id))
    RETURNING g.*
),
noted AS (
    INSERT INTO proctor.grant_use (key, grant_id, run_id, at)
    SELECT $2, c.id, $3, clock_timestamp() FROM counted c
    ON CONFLICT DO NOTHING
)
SELECT c.* FROM counted c
