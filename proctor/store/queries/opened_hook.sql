SELECT h.*, p.roles FROM proctor.hook h JOIN proctor.principal p ON p.name = h.principal AND p.disabled_at IS NULL
WHERE h.name = $1 AND h.disabled_at IS NULL
