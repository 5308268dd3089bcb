SELECT k.secret_sha256, p.name, p.roles AS principal_roles, k.roles, k.expires_at,
       k.revoked_at IS NULL AND k.expires_at > clock_timestamp() AND p.disabled_at IS NULL AS is_live,
       k.last_used_at IS NULL OR k.last_used_at < clock_timestamp() - interval '1 minute' AS is_stale
FROM proctor.api_key k
JOIN proctor.principal p ON p.name = k.principal
WHERE k.id = $1
