-- The spine: runs, plans, transcript, ledger, people, fences and the audit trail.
--
-- JSON is kept as `json` or `text`, never `jsonb`: jsonb rewrites numbers (1e300 becomes 301 digits) and refuses
-- \u0000, and what was hashed must come back as it went in.

DO $$
BEGIN
    CREATE ROLE proctor_app NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- roles belong to the whole server: another database of ours made it
END $$;

DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'proctor_app', 'MEMBER') THEN
        EXECUTE format('GRANT proctor_app TO %I', current_user);
    END IF;
END $$;

CREATE TABLE proctor.content (
    digest text PRIMARY KEY,
    body text NOT NULL  -- canonical JSON: sha256(body) is the digest
);

CREATE TABLE proctor.run (
    run_id text PRIMARY KEY,
    tenant text NOT NULL,
    idempotency_key text NOT NULL,
    request_digest text NOT NULL,
    agent text NOT NULL,
    agent_version text NOT NULL,
    owner text NOT NULL,
    autonomy text NOT NULL,
    requester text NOT NULL,
    goal text NOT NULL,
    input_digest text NOT NULL,
    bundle_digest text NOT NULL,
    policy_digest text,
    status text NOT NULL DEFAULT 'accepted',
    status_reason text NOT NULL DEFAULT '',
    cost_usd numeric NOT NULL DEFAULT 0,
    reserved_usd numeric NOT NULL DEFAULT 0,
    extension_usd numeric NOT NULL DEFAULT 0,
    steps integer NOT NULL DEFAULT 0,
    report_digest text,
    receipt_digest text,
    fence_epoch bigint,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    audit_n integer NOT NULL DEFAULT -1,
    audit_hash text,
    transcript_n integer NOT NULL DEFAULT -1,
    UNIQUE (tenant, idempotency_key)
) WITH (fillfactor = 70);  -- every step rewrites the row: room for in-page updates

CREATE INDEX run_by_age ON proctor.run (created_at DESC);
CREATE INDEX run_open ON proctor.run (agent, tenant) WHERE closed_at IS NULL;

CREATE TABLE proctor.plan (
    run_id text NOT NULL REFERENCES proctor.run,
    step integer NOT NULL,
    proposal_digest text NOT NULL,
    step_plan json NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, step)
);

CREATE TABLE proctor.planned_call (
    run_id text NOT NULL,
    step integer NOT NULL,
    call integer NOT NULL,
    tool text NOT NULL,
    tool_version text,
    node text NOT NULL,
    arguments_digest text NOT NULL,
    decision json NOT NULL,
    PRIMARY KEY (run_id, step, call)
);

CREATE TABLE proctor.transcript (
    run_id text NOT NULL,
    n integer NOT NULL,
    step integer NOT NULL,
    call integer NOT NULL,
    kind text NOT NULL,
    node text NOT NULL,
    tool text,
    content_digest text NOT NULL,
    labels json NOT NULL,
    summary text NOT NULL,
    PRIMARY KEY (run_id, n)
);

CREATE UNIQUE INDEX transcript_once ON proctor.transcript (run_id, step, call, kind)
    WHERE kind IN ('result', 'failure', 'denial');
CREATE INDEX transcript_by_node ON proctor.transcript (run_id, node, n DESC) WHERE node <> '' AND kind <> 'proposal';

CREATE TABLE proctor.effect (
    key text PRIMARY KEY,
    run_id text NOT NULL REFERENCES proctor.run,
    step integer NOT NULL,
    call integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('act', 'compensation')),
    tool text NOT NULL,
    state text NOT NULL CHECK (state IN ('intent', 'attempt_failed', 'confirmed', 'failed', 'unknown')),
    attempt integer NOT NULL,
    doubtful boolean NOT NULL DEFAULT false,  -- an attempt before this one may have taken effect
    intent_at timestamptz NOT NULL,
    outcome_at timestamptz,
    result_digest text,
    summary text NOT NULL DEFAULT '',
    request_id text,
    epoch bigint NOT NULL  -- newest fence of all when the intent was written
) WITH (fillfactor = 80);

CREATE INDEX effect_by_run ON proctor.effect (run_id, step, call);

CREATE TABLE proctor.request (
    id text PRIMARY KEY,
    kind text NOT NULL,
    run_id text NOT NULL REFERENCES proctor.run,
    step integer NOT NULL,
    call integer NOT NULL,
    agent text NOT NULL,
    requester text NOT NULL,
    owner text NOT NULL,
    title text NOT NULL,
    details json NOT NULL,
    binding json,
    effect_key text,
    state text NOT NULL DEFAULT 'pending',
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    decided_by text,
    word text,
    reason text,
    answer text,
    noted boolean NOT NULL DEFAULT false  -- the planner's transcript tells of its end
);

CREATE INDEX request_by_call ON proctor.request (run_id, step, call);
CREATE INDEX request_pending ON proctor.request (created_at) WHERE state = 'pending';

CREATE TABLE proctor.decision (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    request_id text NOT NULL REFERENCES proctor.request,
    run_id text NOT NULL,
    word text NOT NULL,
    answer text,
    reason text NOT NULL,
    by text NOT NULL,
    at timestamptz NOT NULL,
    applied boolean NOT NULL,
    note text NOT NULL,
    binding_digest text  -- what the person saw: the request's row can be changed, this one cannot
);

CREATE INDEX decision_by_request ON proctor.decision (request_id, n DESC);

CREATE TABLE proctor.fence (
    epoch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope text NOT NULL CHECK (scope IN ('run', 'agent', 'tool', 'tenant', 'all')),
    value text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('compensate', 'freeze')),
    raised_at timestamptz NOT NULL,
    released_at timestamptz,
    released_by text
);

CREATE INDEX fence_active ON proctor.fence (epoch) WHERE released_at IS NULL;

CREATE TABLE proctor.spend (
    run_id text NOT NULL REFERENCES proctor.run,
    step integer NOT NULL,
    attempt integer NOT NULL,
    reserved_usd numeric NOT NULL,
    settled_usd numeric,
    PRIMARY KEY (run_id, step, attempt)
);

CREATE TABLE proctor.demotion (
    agent text NOT NULL,
    tool text NOT NULL,  -- '*' is for all tools of the agent
    level text NOT NULL,
    PRIMARY KEY (agent, tool)
);

CREATE TABLE proctor.principal (
    name text PRIMARY KEY,
    roles text[] NOT NULL,
    token_sha256 text NOT NULL UNIQUE,
    disabled_at timestamptz
);

CREATE TABLE proctor.audit (
    run_id text NOT NULL,
    n integer NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    body json NOT NULL,
    prev text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (run_id, n)
);

CREATE TABLE proctor.document (
    id text PRIMARY KEY,
    title text NOT NULL,
    body text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    words tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('english', title), 'A') || setweight(to_tsvector('english', body), 'B')
    ) STORED
);

CREATE INDEX document_words ON proctor.document USING gin (words);

-- The audit trail is append-only even for the owner of the tables.
CREATE FUNCTION proctor.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: it is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proctor.audit
    FOR EACH STATEMENT EXECUTE FUNCTION proctor.refuse_change();
CREATE TRIGGER decision_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proctor.decision
    FOR EACH STATEMENT EXECUTE FUNCTION proctor.refuse_change();

CREATE FUNCTION proctor.fence_lock() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 7239844211';

-- Locks a run for writing and reads all that a decision about one of its calls needs.
--
-- With `fenced`, the shared fence lock is taken first: `raise_fence` takes the exclusive one, so an intent commits
-- either before the fence or not at all. Order everywhere: fence lock, then run row.
--
-- Why a function with several statements: in READ COMMITTED each statement has a snapshot of its own. A statement that
-- takes a lock reads as of before it waited for that lock; only the next statement sees what the former holder wrote.
CREATE FUNCTION proctor.lock_run(p_run text, p_step integer, p_call integer, p_fenced boolean)
RETURNS TABLE (
    at timestamptz,
    run proctor.run,
    step_plan json,
    planned proctor.planned_call,
    effect proctor.effect,
    undo proctor.effect,
    approval proctor.request,
    consent proctor.decision,
    outcome proctor.transcript,
    fences proctor.fence[],
    demotions json,
    epoch bigint,
    unsettled_usd numeric,
    newest_unsettled_usd numeric
) LANGUAGE plpgsql AS $$
DECLARE
    v_key text := p_run || '/' || p_step || '/' || p_call;
BEGIN
    IF p_fenced THEN
        PERFORM pg_advisory_xact_lock_shared(proctor.fence_lock());
    END IF;
    PERFORM 1 FROM proctor.run r WHERE r.run_id = p_run FOR NO KEY UPDATE;
    RETURN QUERY
    SELECT
        clock_timestamp(),
        r,
        (SELECT p.step_plan FROM proctor.plan p WHERE p.run_id = p_run AND p.step = p_step),
        (SELECT c FROM proctor.planned_call c WHERE c.run_id = p_run AND c.step = p_step AND c.call = p_call),
        (SELECT e FROM proctor.effect e WHERE e.key = v_key),
        (SELECT e FROM proctor.effect e WHERE e.key = v_key || '/undo'),
        a.request,
        (SELECT d FROM proctor.decision d WHERE d.request_id = (a.request).id AND d.applied ORDER BY d.n DESC LIMIT 1),
        (SELECT t FROM proctor.transcript t
          WHERE t.run_id = p_run AND t.step = p_step AND t.call = p_call AND t.kind IN ('result', 'failure', 'denial')
          ORDER BY t.n DESC LIMIT 1),
        (SELECT array_agg(f ORDER BY f.epoch) FROM proctor.fence f
          WHERE f.released_at IS NULL
            AND (f.scope IN ('all', 'tool') OR (f.scope = 'run' AND f.value = r.run_id)
                 OR (f.scope = 'agent' AND f.value = r.agent) OR (f.scope = 'tenant' AND f.value = r.tenant))),
        (SELECT json_object_agg(d.tool, d.level) FROM proctor.demotion d WHERE d.agent = r.agent),
        (SELECT coalesce(max(f.epoch), 0) FROM proctor.fence f),
        (SELECT coalesce(sum(s.reserved_usd), 0) FROM proctor.spend s
          WHERE s.run_id = p_run AND s.step = p_step AND s.settled_usd IS NULL),
        (SELECT s.reserved_usd FROM proctor.spend s
          WHERE s.run_id = p_run AND s.step = p_step AND s.settled_usd IS NULL ORDER BY s.attempt DESC LIMIT 1)
    FROM proctor.run r
    LEFT JOIN LATERAL (
        SELECT q AS request FROM proctor.request q
        WHERE q.run_id = p_run AND q.step = p_step AND q.call = p_call AND q.kind = 'approval'
        ORDER BY q.created_at DESC, q.id LIMIT 1
    ) a ON true
    WHERE r.run_id = p_run;
END $$;

GRANT USAGE ON SCHEMA proctor TO proctor_app;
GRANT SELECT, INSERT ON proctor.content, proctor.plan, proctor.planned_call, proctor.transcript, proctor.decision,
    proctor.audit TO proctor_app;
GRANT SELECT, INSERT, UPDATE ON proctor.run, proctor.effect, proctor.request, proctor.fence, proctor.spend,
    proctor.demotion, proctor.principal, proctor.document TO proctor_app;
GRANT SELECT ON proctor.alembic_version TO proctor_app;
