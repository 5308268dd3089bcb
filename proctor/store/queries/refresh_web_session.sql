UPDATE proctor.web_session SET entered_at = clock_timestamp(), proof_sha256 = $2
WHERE secret_sha256 = $1 AND ended_at IS NULL
