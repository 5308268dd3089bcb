INSERT INTO proctor.web_session (secret_sha256, principal, credential, reference, created_at, expires_at, seen_at, entered_at)
SELECT $1, $2, $3, $4, now, now + make_interval(secs => $5), now, CASE WHEN $6::boolean THEN now ELSE '-infinity' END
FROM clock_timestamp() AS now
