-- Ways in: API keys, who somebody is in another system, sessions of the approval page, answers to repeated requests.

-- A program has a principal of its own: it approves nothing, and an owner makes its keys.
ALTER TABLE proctor.principal ADD COLUMN is_service boolean NOT NULL DEFAULT false;

CREATE TABLE proctor.api_key (
    id text PRIMARY KEY,
    principal text NOT NULL REFERENCES proctor.principal (name),
    secret_sha256 text NOT NULL UNIQUE,
    roles text[] NOT NULL,  -- at most those of the principal count
    label text NOT NULL DEFAULT '',
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    revoked_by text
);

-- Who a principal is elsewhere: (slack, T1/U2), (matrix, @maria:example.org), (email, maria@example.org),
-- (oidc, issuer + space + subject).
CREATE TABLE proctor.identity (
    system text NOT NULL CHECK (system IN ('slack', 'matrix', 'email', 'oidc')),
    subject text NOT NULL,
    principal text NOT NULL REFERENCES proctor.principal (name),
    added_by text NOT NULL,
    added_at timestamptz NOT NULL,
    PRIMARY KEY (system, subject)
);

CREATE INDEX identity_by_principal ON proctor.identity (principal);

GRANT SELECT, INSERT, UPDATE ON proctor.api_key TO proctor_app;
GRANT SELECT, INSERT, DELETE ON proctor.identity TO proctor_app;

-- Messages of chats that were taken up, so that the same one again changes nothing; kept for as long as it could come.
CREATE TABLE proctor.seen_message (
    source text NOT NULL,
    key text NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (source, key)
);

CREATE INDEX seen_message_by_age ON proctor.seen_message (until);

GRANT SELECT, INSERT, DELETE ON proctor.seen_message TO proctor_app;

-- Who is signed in at the approval page. The cookie's secret is not kept, only its hash.
CREATE TABLE proctor.web_session (
    secret_sha256 text PRIMARY KEY,
    principal text NOT NULL REFERENCES proctor.principal (name),
    credential text NOT NULL CHECK (credential IN ('token', 'api_key', 'oidc')),
    reference text NOT NULL,  -- the token's SHA-256, the key's id, or the issuer
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    entered_at timestamptz NOT NULL,  -- when the credential was entered last
    ended_at timestamptz
);

GRANT SELECT, INSERT, UPDATE ON proctor.web_session TO proctor_app;
