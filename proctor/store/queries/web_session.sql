SELECT s.principal, s.credential, s.reference, s.created_at, s.expires_at, p.roles AS principal_roles, k.roles,
       s.entered_at > clock_timestamp() - make_interval(secs => $3) AS is_fresh,
       s.seen_at < clock_timestamp() - interval '1 minute' AS is_stale
FROM proctor.web_session s
JOIN proctor.principal p ON p.name = s.principal AND p.disabled_at IS NULL
LEFT JOIN proctor.api_key k
    ON k.id = s.reference AND k.principal = s.principal AND k.revoked_at IS NULL AND k.expires_at > clock_timestamp()
LEFT JOIN proctor.identity i  -- One that was taken away and made again is another one.
    ON i.system = 'oidc' AND i.subject = s.reference AND i.principal = s.principal AND i.added_at <= s.created_at
WHERE s.secret_sha256 = $1
  AND s.ended_at IS NULL
  AND s.expires_at > clock_timestamp()
  AND s.seen_at > clock_timestamp() - make_interval(secs => $2)
  AND (s.credential <> 'token' OR p.token_sha256 = s.reference)
  AND (s.credential <> 'api_key' OR k.id IS NOT NULL)
  AND (s.credential <> 'oidc' OR i.subject IS NOT NULL)
