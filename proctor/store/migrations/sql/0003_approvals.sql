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
    ADD COLUMN grant_terms json,  -- of an approval that stops the asking
    ADD COLUMN arguments_digest text;  -- of an edit: what the person wrote

CREATE TABLE proctor.approver_key (
    id text PRIMARY KEY,
    principal text NOT NULL REFERENCES proctor.principal (name),
    public_key text NOT NULL,
    label text NOT NULL DEFAULT '',
    added_at timestamptz NOT NULL,
    valid_from timestamptz NOT NULL,  -- a key that nobody vouched for rests first
    vouched_by text,
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

CREATE INDEX delegation_by_people ON proctor.delegation (principal, "to");

-- Whether somebody stood for somebody else at a time.
CREATE FUNCTION proctor.is_delegated(p_of text, p_to text, p_agent text, p_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM proctor.delegation g
        WHERE g.principal = p_of AND g."to" = p_to AND (g.agent IS NULL OR g.agent = p_agent)
          AND g.created_at <= p_at AND p_at < g.until AND (g.revoked_at IS NULL OR p_at < g.revoked_at))
$$;

-- The people who wrote the arguments of a call, or of one that it took the place of, and those whom they stood for.
CREATE FUNCTION proctor.authors_of(p_run text, p_step integer, p_call integer) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH RECURSIVE written AS (
        SELECT c.call, (c.decision ->> 'replaces')::integer AS replaces, c.decision ->> 'author' AS author
        FROM proctor.planned_call c WHERE c.run_id = p_run AND c.step = p_step
    ),
    lineage AS (
        SELECT w.replaces, w.author FROM written w WHERE w.call = p_call
        UNION
        SELECT w.replaces, w.author FROM lineage l JOIN written w ON w.call = l.replaces
    )
    SELECT array_agg(DISTINCT who.name) FROM (
        SELECT l.author AS name FROM lineage l
        UNION
        SELECT unnest(ARRAY[d.by, d.on_behalf_of]) FROM lineage l
        JOIN proctor.request q ON q.run_id = p_run AND q.step = p_step AND q.call = l.replaces
        JOIN proctor.decision d ON d.request_id = q.id AND d.applied AND d.word = 'edit'
    ) who WHERE who.name IS NOT NULL
$$;

-- Finds what the audit says of a decision, which each counted approval is held against.
CREATE INDEX audit_of_approval ON proctor.audit (run_id, (body ->> 'decision'))
    WHERE kind IN ('approval_counted', 'approval_granted');

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
    key text,
    grant_id text REFERENCES proctor.standing_grant,
    run_id text NOT NULL REFERENCES proctor.run,
    at timestamptz NOT NULL,
    PRIMARY KEY (key, grant_id)
);

CREATE INDEX grant_use_by_grant ON proctor.grant_use (grant_id);

CREATE TRIGGER grant_use_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proctor.grant_use
    FOR EACH STATEMENT EXECUTE FUNCTION proctor.refuse_change();

-- The grants that may answer for a step of a run, each with the roles that its author has now. Left out are those of
-- authors who are not enrolled any more, who edited a call of this step, or who drove the run themselves: nobody
-- approves what is their own. So are those of another policy than the active one.
CREATE FUNCTION proctor.held_grants(p_run proctor.run, p_step integer)
RETURNS TABLE (standing proctor.standing_grant, roles text[]) LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_active text := (
        SELECT v.policy_digest FROM proctor.policy_activation a JOIN proctor.policy_version v ON v.id = a.version_id
        WHERE a.agent = p_run.agent ORDER BY a.n DESC LIMIT 1);
BEGIN
    RETURN QUERY
    SELECT g, p.roles
    FROM proctor.standing_grant g JOIN proctor.principal p ON p.name = g.by AND p.disabled_at IS NULL
    WHERE g.tenant = p_run.tenant AND g.agent = p_run.agent AND (g.run_id IS NULL OR g.run_id = p_run.run_id)
      AND g.revoked_at IS NULL AND g.expires_at > clock_timestamp() AND g.by <> p_run.requester
      AND g.policy_digest = coalesce(v_active, g.policy_digest)
      AND NOT EXISTS (
          SELECT FROM proctor.decision d JOIN proctor.request q ON q.id = d.request_id
          WHERE q.run_id = p_run.run_id AND q.step = p_step AND d.word = 'edit' AND d.by = g.by)
      AND NOT EXISTS (
          SELECT FROM proctor.control c
          WHERE c.run_id = p_run.run_id AND c.by = g.by AND c.word IN ('take_over', 'act'))
    ORDER BY g.expires_at, g.id;
END $$;

GRANT SELECT, INSERT ON proctor.grant_use TO proctor_app;

GRANT SELECT, INSERT, UPDATE (valid_from, vouched_by, revoked_at) ON proctor.approver_key TO proctor_app;
GRANT SELECT, INSERT, UPDATE (revoked_at) ON proctor.delegation TO proctor_app;
GRANT SELECT, INSERT, UPDATE (uses, revoked_at, revoked_by) ON proctor.standing_grant TO proctor_app;

DROP FUNCTION proctor.lock_run(text, integer, integer, boolean, json);

-- As before, with what approvals are verified by at dispatch, and the people who wrote the call's arguments.
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
    authors text[],
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
        (SELECT json_agg(json_build_object(
              'word', d, 'key', (SELECT k FROM proctor.approver_key k WHERE k.id = d.key_id),
              'is_delegated', d.on_behalf_of IS NULL OR proctor.is_delegated(d.on_behalf_of, d.by, r.agent, d.at),
              'record', (SELECT a.body FROM proctor.audit a
                WHERE a.run_id = d.run_id AND a.kind IN ('approval_counted', 'approval_granted')
                  AND a.body ->> 'decision' = d.id AND a.at = d.at)
          ) ORDER BY d.n)
          FROM proctor.decision d WHERE d.request_id = (a.request).id AND d.applied AND d.word = 'approve'),
        proctor.authors_of(p_run, p_step, p_call),
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
