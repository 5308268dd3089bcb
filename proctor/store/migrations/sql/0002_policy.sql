-- The policy layer: denied goals, declared plans, windows over history, versions of policy, autonomy, reviews, quorum
-- and notices.
--
-- Workers of the version before go on during this migration: what they read and write stays where it is.

CREATE TABLE proctor.denied_goal (
    run_id text NOT NULL REFERENCES proctor.run,
    goal text NOT NULL,
    tool text NOT NULL,
    by text NOT NULL CHECK (by IN ('person', 'policy')),
    reason text NOT NULL,
    step integer NOT NULL,
    call integer NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (run_id, goal, by, tool)
);

CREATE TABLE proctor.declared_plan (
    run_id text PRIMARY KEY REFERENCES proctor.run,
    step integer NOT NULL,
    content_digest text NOT NULL,
    at timestamptz NOT NULL
);

-- Windows: whose call an effect is, and with which arguments, so that counting needs one index.
ALTER TABLE proctor.effect
    ADD COLUMN tenant text,
    ADD COLUMN agent text,
    ADD COLUMN requester text,
    ADD COLUMN arguments_digest text,
    ADD COLUMN review_after boolean NOT NULL DEFAULT false;  -- a person looks at it once it is confirmed

UPDATE proctor.effect e SET
    tenant = r.tenant, agent = r.agent, requester = r.requester,
    arguments_digest = (SELECT c.arguments_digest FROM proctor.planned_call c
                        WHERE c.run_id = e.run_id AND c.step = e.step AND c.call = e.call)
FROM proctor.run r WHERE r.run_id = e.run_id;

CREATE FUNCTION proctor.own_effect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT r.tenant, r.agent, r.requester, c.arguments_digest
    INTO NEW.tenant, NEW.agent, NEW.requester, NEW.arguments_digest
    FROM proctor.run r
    LEFT JOIN proctor.planned_call c ON c.run_id = NEW.run_id AND c.step = NEW.step AND c.call = NEW.call
    WHERE r.run_id = NEW.run_id;
    RETURN NEW;
END $$;

-- Workers of the version before do not say whose an effect is.
CREATE TRIGGER effect_owned BEFORE INSERT ON proctor.effect
    FOR EACH ROW WHEN (NEW.tenant IS NULL) EXECUTE FUNCTION proctor.own_effect();

CREATE INDEX effect_by_time ON proctor.effect (tenant, tool, intent_at, agent, requester) WHERE kind = 'act';

-- Reads have no intent: this says that one was dispatched, once for each recorded call.
CREATE TABLE proctor.read_call (
    key text PRIMARY KEY,
    run_id text NOT NULL REFERENCES proctor.run,
    tool text NOT NULL,
    tenant text NOT NULL,
    agent text NOT NULL,
    requester text NOT NULL,
    arguments_digest text NOT NULL,
    at timestamptz NOT NULL
);

CREATE INDEX read_call_by_time ON proctor.read_call (tenant, tool, at, agent, requester);
CREATE INDEX read_call_by_run ON proctor.read_call (run_id, tool);

-- Versions of an agent's policy. What is active is the newest activation; nothing here is ever changed.
CREATE TABLE proctor.policy_version (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    agent text NOT NULL,
    bundle_digest text NOT NULL,
    policy_digest text NOT NULL,
    owner text NOT NULL,
    change text NOT NULL CHECK (change IN ('tightens', 'neutral', 'loosens')),
    summary json NOT NULL,
    against text REFERENCES proctor.policy_version (id),  -- the version that was active when this one was compared
    proposed_by text NOT NULL,
    at timestamptz NOT NULL
);

CREATE INDEX policy_version_by_agent ON proctor.policy_version (agent, n DESC);

CREATE TABLE proctor.policy_approval (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version_id text NOT NULL REFERENCES proctor.policy_version (id),
    word text NOT NULL CHECK (word IN ('approve', 'reject')),
    by text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    UNIQUE (version_id, by, word)
);

CREATE TABLE proctor.policy_activation (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent text NOT NULL,
    version_id text NOT NULL UNIQUE REFERENCES proctor.policy_version (id),
    bundle_digest text NOT NULL,
    at timestamptz NOT NULL
);

CREATE INDEX policy_activation_newest ON proctor.policy_activation (agent, n DESC);

-- The end of each agent's own audit chain, whose records stand in `audit` under `agent:NAME`: a witness in another
-- table.
CREATE TABLE proctor.agent_chain (
    agent text PRIMARY KEY,
    audit_n integer NOT NULL DEFAULT -1,
    audit_hash text
);

-- Locks what governs an agent, for whoever changes its policy or its levels or says what speaks for or against it.
-- Order: run row, then this; whoever holds it waits for nothing.
CREATE FUNCTION proctor.lock_agent(p_agent text) RETURNS SETOF proctor.agent_chain LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO proctor.agent_chain (agent) VALUES (p_agent) ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT * FROM proctor.agent_chain c WHERE c.agent = p_agent FOR UPDATE;
END $$;

-- Live levels of autonomy: the newest row of a cell holds.
CREATE TABLE proctor.cell_level (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent text NOT NULL,
    tool text NOT NULL,  -- '*' is for all tools of the agent
    risk text NOT NULL CHECK (risk IN ('*', 'low', 'medium', 'high')),
    level text NOT NULL CHECK (level IN ('suggest', 'approval_required', 'supervised', 'autonomous')),
    kind text NOT NULL CHECK (kind IN ('promotion', 'demotion')),
    declared text NOT NULL CHECK (declared IN ('suggest', 'approval_required', 'supervised', 'autonomous')),
    by text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL
);

CREATE INDEX cell_level_newest ON proctor.cell_level (agent, tool, risk, n DESC);

INSERT INTO proctor.cell_level (agent, tool, risk, level, kind, declared, by, reason, at)
SELECT agent, tool, '*', level, 'demotion', level, 'proctor', 'was in force before levels had a history', now()
FROM proctor.demotion;

DROP TABLE proctor.demotion;

-- What a level can follow from: of each cell the newest promotion, and the newest demotion to each level. A promotion
-- lifts the demotions before it only while it holds, so these are needed too.
CREATE FUNCTION proctor.live_cells(p_agent text) RETURNS SETOF proctor.cell_level LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (c.tool, c.risk, c.kind, CASE c.kind WHEN 'demotion' THEN c.level END) c.*
    FROM proctor.cell_level c
    WHERE c.agent = p_agent
    ORDER BY c.tool, c.risk, c.kind, CASE c.kind WHEN 'demotion' THEN c.level END, c.n DESC
$$;

-- What workers of the version before read: they know no risk tiers, so that the lowest tier's ceiling holds for all.
CREATE VIEW proctor.demotion AS
SELECT DISTINCT ON (d.agent, d.tool) d.agent, d.tool, d.level
FROM (
    SELECT DISTINCT ON (c.agent, c.tool, c.risk) c.agent, c.tool, c.level, c.kind
    FROM proctor.cell_level c ORDER BY c.agent, c.tool, c.risk, c.n DESC
) d
WHERE d.kind = 'demotion'
ORDER BY d.agent, d.tool,
    array_position(ARRAY['suggest', 'approval_required', 'supervised', 'autonomous'], d.level);

CREATE TABLE proctor.review (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('suggestion', 'afterwards', 'approval')),
    run_id text NOT NULL REFERENCES proctor.run,
    step integer NOT NULL,
    call integer NOT NULL,
    tenant text NOT NULL,
    agent text NOT NULL,
    requester text NOT NULL,
    tool text NOT NULL,
    risk text NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
    arguments_digest text NOT NULL,
    title text NOT NULL,
    at timestamptz NOT NULL
);

CREATE INDEX review_by_cell ON proctor.review (agent, tool, risk);
CREATE INDEX review_by_call ON proctor.review (run_id, step, call);

CREATE TABLE proctor.review_verdict (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    review_id text NOT NULL UNIQUE REFERENCES proctor.review (id),
    verdict text NOT NULL CHECK (verdict IN ('agree', 'disagree', 'harmful')),
    by text NOT NULL,
    reason text NOT NULL,
    decided_at timestamptz NOT NULL
);

-- Quorum: what the request asks for, and in which roles each person spoke.
ALTER TABLE proctor.request ADD COLUMN quorum json;  -- [{"count", "role"}, …]; null: one person
ALTER TABLE proctor.decision ADD COLUMN roles text[] NOT NULL DEFAULT '{}';

-- Notices to people, to be delivered.
CREATE TABLE proctor.notice (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    who text NOT NULL,
    run_id text NOT NULL REFERENCES proctor.run,
    step integer NOT NULL,
    call integer NOT NULL,
    text text NOT NULL,
    at timestamptz NOT NULL,
    delivered_at timestamptz,
    UNIQUE (run_id, step, call, who)
);

CREATE INDEX notice_undelivered ON proctor.notice (n) WHERE delivered_at IS NULL;

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['denied_goal', 'declared_plan', 'read_call', 'policy_version', 'policy_approval',
                                   'policy_activation', 'cell_level', 'review', 'review_verdict'] LOOP
        EXECUTE format(
            'CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON proctor.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION proctor.refuse_change()', v_table || '_append_only', v_table);
    END LOOP;
END $$;

-- Answers windows for a call: `p_asked` is a list of {name, measure, tools, argument, within_s, per, same}.
--
-- Counted are effects whose intent was written and that are not known to have failed, and reads that were dispatched.
-- `attempt_failed` counts while its run goes on: it may be tried again, and then nobody judges it anew. The call itself
-- (`p_except`) is left out. A window over values that cannot be read has no answer.
CREATE FUNCTION proctor.window_answers(
    p_tenant text, p_agent text, p_requester text, p_run text, p_except text, p_at timestamptz, p_asked json
) RETURNS json LANGUAGE sql STABLE AS $$
    WITH asked AS MATERIALIZED (
        SELECT x.*, p_at - make_interval(secs => x.within_s) AS since, x.measure = 'sum' OR x.same IS NOT NULL AS looks
        FROM json_to_recordset(p_asked) AS x(
            name text, measure text, tools text[], argument text[], within_s double precision, per text, same json)
    ),
    calls AS (
        SELECT a.name, e.intent_at AS at, e.arguments_digest AS digest
        FROM asked a
        JOIN proctor.effect e ON e.tenant = p_tenant AND e.tool = ANY (a.tools) AND e.intent_at > a.since
            AND e.kind = 'act'
            AND (a.per = 'tenant' OR (a.per = 'agent' AND e.agent = p_agent)
                 OR (a.per = 'requester' AND e.requester = p_requester))
        WHERE a.per <> 'run' AND e.key <> p_except AND (
            e.state IN ('intent', 'confirmed', 'unknown') OR (e.state = 'attempt_failed' AND (
                SELECT r.closed_at IS NULL FROM proctor.run r WHERE r.run_id = e.run_id)))
        UNION ALL
        SELECT a.name, e.intent_at, e.arguments_digest
        FROM asked a
        JOIN proctor.effect e ON e.run_id = p_run AND e.tool = ANY (a.tools) AND e.intent_at > a.since
            AND e.kind = 'act'
        WHERE a.per = 'run' AND e.key <> p_except AND e.state <> 'failed'
        UNION ALL
        SELECT a.name, d.at, d.arguments_digest
        FROM asked a
        JOIN proctor.read_call d ON d.tenant = p_tenant AND d.tool = ANY (a.tools) AND d.at > a.since
            AND (a.per = 'tenant' OR (a.per = 'agent' AND d.agent = p_agent)
                 OR (a.per = 'requester' AND d.requester = p_requester))
        WHERE a.per <> 'run' AND d.key <> p_except
        UNION ALL
        SELECT a.name, d.at, d.arguments_digest
        FROM asked a
        JOIN proctor.read_call d ON d.run_id = p_run AND d.tool = ANY (a.tools) AND d.at > a.since
        WHERE a.per = 'run' AND d.key <> p_except
    ),
    -- Functions that look into JSON stumble over an escaped NUL, so it is replaced on both sides. What is compared is
    -- text: content is canonical, so that equal values are equal texts. Materialized, so that each is computed once.
    seen AS MATERIALIZED (
        SELECT a.name, a.measure, a.argument, a.same, c.at, replace(b.body, '\u0000', '\ufffd')::json AS arguments,
               a.looks AND (b.body IS NULL
                            OR encode(sha256(convert_to(b.body, 'UTF8')), 'hex') <> c.digest) AS is_altered
        FROM calls c
        JOIN asked a ON a.name = c.name
        LEFT JOIN proctor.content b ON a.looks AND b.digest = c.digest
    ),
    matching AS MATERIALIZED (
        SELECT s.name, s.at, s.is_altered,
               CASE WHEN s.measure = 'sum' THEN (s.arguments #> s.argument)::text END AS amount
        FROM seen s
        WHERE s.is_altered OR s.same IS NULL OR NOT EXISTS (
            SELECT FROM json_each_text(s.same) AS m(path, value)
            WHERE (s.arguments #> string_to_array(m.path, '.'))::text
                  IS DISTINCT FROM replace(m.value, '\u0000', '\ufffd'))
    )
    SELECT json_agg(json_build_object('name', a.name, 'value', found.value::text))
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT CASE a.measure
                   WHEN 'count' THEN count(m.at)::numeric
                   WHEN 'sum' THEN coalesce(sum(CASE WHEN m.amount ~ '^-?[0-9]' THEN m.amount::numeric END), 0)
                   ELSE extract(epoch FROM p_at - max(m.at))
               END AS value,
               coalesce(bool_or(
                   m.is_altered OR (a.measure = 'sum' AND (m.amount ~ '^-?[0-9]') IS NOT TRUE)), false) AS is_unreadable
        FROM matching m WHERE m.name = a.name
    ) found
    WHERE NOT found.is_unreadable
$$;

-- Orders the calls of a window: each that asks for it waits here until those before it have committed.
--
-- The lock names what is counted (tenant, whose calls, which tool) and not the window, so that two policies that count
-- the same calls under different names wait for each other too; the tool of the call itself is among them, so that two
-- windows that each count the other's tool do. A lock of two keys: it can be taken for no other lock of ours.
CREATE FUNCTION proctor.lock_windows(p_run text, p_tool text, p_asked json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_key integer;
BEGIN
    FOR v_key IN
        SELECT DISTINCT hashtext(json_build_array(r.tenant, x.per, CASE x.per
                WHEN 'run' THEN r.run_id WHEN 'agent' THEN r.agent WHEN 'requester' THEN r.requester ELSE '' END,
            t.tool)::text) AS key
        FROM proctor.run r
        CROSS JOIN json_to_recordset(p_asked) AS x(per text, tools text[])
        CROSS JOIN LATERAL unnest(x.tools || p_tool) AS t(tool)
        WHERE r.run_id = p_run
        ORDER BY key
    LOOP
        PERFORM pg_advisory_xact_lock(7239844, v_key);
    END LOOP;
END $$;

DROP FUNCTION proctor.lock_run(text, integer, integer, boolean);

-- As before, with what else governs a call. Order everywhere: fence lock, then window locks, then run row. Whoever
-- holds a window lock waits for a run row only, and whoever holds a run row waits for neither.
CREATE FUNCTION proctor.lock_run(
    p_run text, p_step integer, p_call integer, p_fenced boolean, p_windows json DEFAULT NULL
) RETURNS TABLE (
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
    newest_unsettled_usd numeric,
    approvals json,
    cells json,
    denied_goals json,
    active_bundle text,
    windows json
) LANGUAGE plpgsql AS $$
DECLARE
    v_key text := p_run || '/' || p_step || '/' || p_call;
    v_at timestamptz;
BEGIN
    IF p_fenced THEN
        PERFORM pg_advisory_xact_lock_shared(proctor.fence_lock());
    END IF;
    IF p_windows IS NOT NULL THEN
        PERFORM proctor.lock_windows(p_run, (
            SELECT c.tool FROM proctor.planned_call c
            WHERE c.run_id = p_run AND c.step = p_step AND c.call = p_call), p_windows);
    END IF;
    PERFORM 1 FROM proctor.run r WHERE r.run_id = p_run FOR NO KEY UPDATE;
    v_at := clock_timestamp();
    RETURN QUERY
    SELECT
        v_at,
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
          WHERE s.run_id = p_run AND s.step = p_step AND s.settled_usd IS NULL ORDER BY s.attempt DESC LIMIT 1),
        (SELECT json_agg(json_build_object('by', d.by, 'roles', d.roles, 'binding_digest', d.binding_digest))
          FROM proctor.decision d WHERE d.request_id = (a.request).id AND d.applied AND d.word = 'approve'),
        (SELECT json_agg(c) FROM proctor.live_cells(r.agent) c),
        (SELECT json_agg(g ORDER BY g.at) FROM proctor.denied_goal g WHERE g.run_id = p_run),
        (SELECT v.bundle_digest FROM proctor.policy_activation v WHERE v.agent = r.agent ORDER BY v.n DESC LIMIT 1),
        CASE WHEN p_windows IS NOT NULL THEN
            proctor.window_answers(r.tenant, r.agent, r.requester, p_run, v_key, v_at, p_windows) END
    FROM proctor.run r
    LEFT JOIN LATERAL (
        SELECT q AS request FROM proctor.request q
        WHERE q.run_id = p_run AND q.step = p_step AND q.call = p_call AND q.kind = 'approval'
        ORDER BY q.created_at DESC, q.id LIMIT 1
    ) a ON true
    WHERE r.run_id = p_run;
END $$;

GRANT SELECT, INSERT ON proctor.denied_goal, proctor.declared_plan, proctor.read_call, proctor.policy_version,
    proctor.policy_approval, proctor.policy_activation, proctor.cell_level, proctor.review, proctor.review_verdict,
    proctor.notice TO proctor_app;
GRANT SELECT, INSERT, UPDATE ON proctor.agent_chain TO proctor_app;
GRANT SELECT ON proctor.demotion TO proctor_app;
