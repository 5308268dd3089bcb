WITH purged AS (
    DELETE FROM proctor.web_sign_in WHERE begun_at < clock_timestamp() - make_interval(secs => $5)
)
INSERT INTO proctor.web_sign_in (secret_sha256, after_path, session_sha256, is_again, begun_at)
VALUES ($1, $2, $3, $4, clock_timestamp())
