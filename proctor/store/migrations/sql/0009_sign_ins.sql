-- Sign-ins at the OIDC issuer that a browser began: one row until it comes back, or for ten minutes.

CREATE TABLE proctor.web_sign_in (
    secret_sha256 text PRIMARY KEY,  -- of the secret in the browser's cookie; state, nonce and verifier follow from it
    after_path text NOT NULL CHECK (after_path LIKE '/approvals%'),
    session_sha256 text,  -- the session that the browser had
    is_again boolean NOT NULL,  -- whether that session is to be made fresh, rather than a new one begun
    begun_at timestamptz NOT NULL
);

CREATE INDEX web_sign_in_begun ON proctor.web_sign_in (begun_at);

-- What a browser that came back from the issuer a moment ago can show, once, for what takes more than a session.
ALTER TABLE proctor.web_session ADD COLUMN proof_sha256 text;

COMMENT ON COLUMN proctor.web_session.reference IS 'the token''s SHA-256, the key''s id, or `ISSUER SUBJECT`';

GRANT SELECT, INSERT, DELETE ON proctor.web_sign_in TO proctor_app;
