UPDATE proctor.approver_key SET revoked_at = $2 WHERE id = $1 RETURNING *
