-- Whoever was disabled comes back with a new token, and with none of the keys and sessions that opened before.
WITH left_open AS (
    UPDATE proctor.web_session s SET ended_at = clock_timestamp()
    FROM proctor.principal p
    WHERE p.name = $1 AND p.disabled_at IS NOT NULL AND s.principal = p.name AND s.ended_at IS NULL
)
UPDATE proctor.api_key k SET revoked_at = clock_timestamp(), revoked_by = $2
FROM proctor.principal p
WHERE p.name = $1 AND p.disabled_at IS NOT NULL AND k.principal = p.name AND k.revoked_at IS NULL
RETURNING k.id
