UPDATE proctor.api_key SET revoked_at = clock_timestamp(), revoked_by = $2
WHERE id = $1 AND revoked_at IS NULL
RETURNING *
