SELECT * FROM proctor.approver_key
WHERE ($1::text IS NULL OR principal = $1) AND (revoked_at IS NULL OR NOT $2::boolean)
ORDER BY added_at, id
