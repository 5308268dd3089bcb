-- Ways in: API keys, who somebody is in another system, sessions of the approval page, answers to repeated requests.

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
