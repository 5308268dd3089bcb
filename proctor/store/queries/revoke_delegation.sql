UPDATE proctor.delegation SET revoked_at = $2 WHERE id = $1 RETURNING *
