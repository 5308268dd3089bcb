SELECT v.id FROM proctor.policy_activation a JOIN proctor.policy_version v ON v.id = a.version_id
WHERE a.agent = $1
ORDER BY a.n DESC
LIMIT 1
