-- Grants of an agent ($1) or, without one, of all; with $2 those that can still be used only.
SELECT g.* FROM proctor.standing_grant g
WHERE ($1::text IS NULL OR g.agent = $1)
  AND (NOT $2::boolean OR (g.revoked_at IS NULL AND g.expires_at > clock_timestamp()
                           AND (g.max_uses IS NULL OR g.uses < g.max_uses)))
ORDER BY g.created_at DESC, g.id
