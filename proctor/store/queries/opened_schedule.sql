SELECT s.*, p.roles FROM proctor.schedule s
JOIN proctor.principal p ON p.name = s.principal AND p.disabled_at IS NULL
WHERE s.name = $1 AND s.deleted_at IS NULL
