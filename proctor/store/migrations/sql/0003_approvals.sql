-- Approvals as contracts: stages, escalation, edits, signatures, delegation and standing grants.

ALTER TABLE proctor.request
    ADD COLUMN process json,  -- what an approval takes; null: requests of the version before, see `quorum`
    ADD COLUMN escalated integer NOT NULL DEFAULT 0,
    ADD COLUMN next_at timestamptz,  -- when the next escalation is due
    ADD COLUMN replaces integer;  -- call of the same step that a person edited

ALTER TABLE proctor.decision
    ADD COLUMN channel text NOT NULL DEFAULT 'cli',
    ADD COLUMN on_behalf_of text,
    ADD COLUMN key_id text,
    ADD COLUMN signature text,
    ADD COLUMN arguments_digest text;  -- of an edit: what the person wrote

CREATE TABLE proctor.approver_key (
    id text PRIMARY KEY,
    principal text NOT NULL REFERENCES proctor.principal (name),
    public_key text NOT NULL,
    label text NOT NULL DEFAULT '',
    added_at timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE INDEX approver_key_by_principal ON proctor.approver_key (principal);

CREATE TABLE proctor.delegation (
    id text PRIMARY KEY,
    principal text NOT NULL REFERENCES proctor.principal (name),
    "to" text NOT NULL REFERENCES proctor.principal (name),
    agent text,
    reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    revoked_at timestamptz
);

CREATE TABLE proctor.standing_grant (
    id text PRIMARY KEY,
    tenant text NOT NULL,
    agent text NOT NULL,
    tool text NOT NULL,
    tool_version text NOT NULL,
    policy_digest text NOT NULL,
    run_id text REFERENCES proctor.run,
    match json NOT NULL,
    is_exact boolean NOT NULL,
    rules json NOT NULL,
    request_id text NOT NULL REFERENCES proctor.request,
    by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    max_uses integer,
    uses integer NOT NULL DEFAULT 0,
    revoked_at timestamptz,
    revoked_by text
);

CREATE INDEX standing_grant_live ON proctor.standing_grant (tenant, agent, tool) WHERE revoked_at IS NULL;

-- Which call used which grant: each call once, however often it is begun.
CREATE TABLE proctor.grant_use (
    key text PRIMARY KEY,
    grant_id text NOT NULL REFERENCES proctor.standing_grant,
    run_id text NOT NULL REFERENCES proctor.run,
    at timestamptz NOT NULL
);

CREATE INDEX grant_use_by_grant ON proctor.grant_use (grant_id);

CREATE TRIGGER grant_use_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proctor.grant_use
    FOR EACH STATEMENT EXECUTE FUNCTION proctor.refuse_change();

GRANT SELECT, INSERT ON proctor.grant_use TO proctor_app;

GRANT SELECT, INSERT, UPDATE ON proctor.approver_key, proctor.delegation TO proctor_app;
GRANT SELECT, INSERT, UPDATE (uses, revoked_at, revoked_by) ON proctor.standing_grant TO proctor_app;
