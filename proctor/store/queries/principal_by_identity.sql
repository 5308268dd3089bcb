SELECT p.name, p.roles
FROM proctor.identity i
JOIN proctor.principal p ON p.name = i.principal
WHERE i.system = $1 AND i.subject = $2 AND p.disabled_at IS NULL
