UPDATE proctor.standing_grant g SET revoked_at = $2, revoked_by = $3
WHERE g.id = $1 AND g.revoked_at IS NULL
RETURNING g.*
