DELETE FROM proctor.web_sign_in WHERE secret_sha256 = $1
RETURNING after_path, session_sha256, is_again, begun_at, begun_at > clock_timestamp() - make_interval(secs => $2) AS is_live
