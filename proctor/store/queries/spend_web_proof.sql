UPDATE proctor.web_session SET proof_sha256 = NULL
WHERE secret_sha256 = $1 AND proof_sha256 = $2 AND entered_at > clock_timestamp() - make_interval(secs => $3)
RETURNING true
