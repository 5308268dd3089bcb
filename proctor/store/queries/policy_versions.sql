SELECT v.*, active.id IS NOT DISTINCT FROM v.id AS is_active, active.id IS NOT DISTINCT FROM v.against AS is_current,
    EXISTS (SELECT FROM proctor.policy_activation a WHERE a.version_id = v.id) AS was_active,
    (SELECT b.owner FROM proctor.policy_version b WHERE b.id = v.against) AS owner_before,
    (SELECT json_agg(p ORDER BY p.n) FROM proctor.policy_approval p WHERE p.version_id = v.id) AS words
FROM proctor.policy_version v
LEFT JOIN LATERAL (
    SELECT a.version_id AS id FROM proctor.policy_activation a WHERE a.agent = v.agent ORDER BY a.n DESC LIMIT 1
) active ON true
WHERE ($1::text IS NULL OR v.agent = $1) AND ($2::text IS NULL OR v.id = $2)
ORDER BY v.n DESC
