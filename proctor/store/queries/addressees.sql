SELECT p.name, p.roles, i.subject, stood.names, stood.roles AS stood_roles
FROM proctor.identity i
JOIN proctor.principal p ON p.name = i.principal AND p.disabled_at IS NULL
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT o.name), '{}') AS names, coalesce(array_agg(DISTINCT role), '{}') AS roles
    FROM proctor.delegation g
    JOIN proctor.principal o ON o.name = g.principal AND o.disabled_at IS NULL
    LEFT JOIN LATERAL unnest(o.roles) AS role ON true
    WHERE proctor.is_delegated(g.principal, p.name, $1, clock_timestamp())
      AND g."to" = p.name
) stood
WHERE i.system = 'email'
ORDER BY p.name, i.subject
