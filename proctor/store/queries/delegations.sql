-- Delegations by or to $1, or all; with $2 those in force only; of $3 that one.
SELECT * FROM proctor.delegation
WHERE ($1::text IS NULL OR $1 IN (principal, "to")) AND ($3::text IS NULL OR id = $3)
  AND (NOT $2::boolean OR (revoked_at IS NULL AND until > clock_timestamp()))
ORDER BY created_at DESC, id
