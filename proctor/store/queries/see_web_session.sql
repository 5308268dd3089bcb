UPDATE proctor.web_session SET seen_at = clock_timestamp() WHERE secret_sha256 = $1 AND ended_at IS NULL
