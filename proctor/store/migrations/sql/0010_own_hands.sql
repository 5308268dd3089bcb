-- Four eyes, where one person acts by something that is not their name.

-- Finds who made a hook or a schedule, also after another one of that name took its place.
CREATE INDEX audit_of_beginning ON proctor.audit ((body ->> 'name'))
    WHERE kind IN ('hook_created', 'schedule_created');

-- The people who made a key by which a service could act at a time.
CREATE FUNCTION proctor.makers_of_keys(p_service text, p_at timestamptz) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT array_agg(DISTINCT k.created_by)
    FROM proctor.api_key k JOIN proctor.principal p ON p.name = k.principal
    WHERE k.principal = p_service AND p.is_service AND k.created_at <= p_at AND k.expires_at >= p_at
      AND (k.revoked_at IS NULL OR k.revoked_at >= p_at)
$$;

-- The people who could have asked for a run as its requester: by a key of the service, or by the hook or the schedule
-- that began it, as it was then. A hook's maker knows its secret, and a schedule's wrote the input.
CREATE FUNCTION proctor.could_have_asked(p_run proctor.run) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT proctor.makers_of_keys(p_run.requester, p_run.created_at) || ARRAY(
        SELECT a.body ->> 'by' FROM proctor.audit a
        WHERE a.kind = 'hook_created' AND a.at <= p_run.created_at
          AND a.body ->> 'name' = substr(p_run.input_source, length('webhook:') + 1)
        ORDER BY a.n DESC LIMIT 1
    ) || ARRAY(
        SELECT a.body ->> 'by' FROM proctor.audit a
        WHERE a.kind = 'schedule_created' AND a.at <= p_run.created_at
          AND a.body ->> 'name' = substring(p_run.idempotency_key FROM '^sched-(.*)-[0-9T]+Z$')
        ORDER BY a.n DESC LIMIT 1
    )
$$;

-- The people whose words stand behind a call of a run: of a model's, who told it something before it planned the step;
-- of any, who answered a question or edited a call before it, where it takes something that a person gave. Of an edited
-- call that is asked about the one in whose place it stands: what was edited, and what is done at the wheel, is its
-- author's.
CREATE FUNCTION proctor.prompters_of(p_run text, p_step integer, p_call integer) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH RECURSIVE lineage (call) AS (
        SELECT p_call
        UNION
        SELECT (o.decision ->> 'replaces')::integer FROM lineage l
        JOIN proctor.planned_call o ON o.run_id = p_run AND o.step = p_step AND o.call = l.call
    )
    SELECT array_agg(DISTINCT said.by) FROM lineage l
    JOIN proctor.planned_call c ON c.run_id = p_run AND c.step = p_step AND c.call = l.call
    CROSS JOIN LATERAL (
        SELECT o.by FROM proctor.control o
        WHERE o.run_id = p_run AND o.word = 'say' AND o.step <= p_step AND c.node = ''
        UNION ALL
        SELECT d.by FROM proctor.request q JOIN proctor.decision d ON d.request_id = q.id
        WHERE q.run_id = p_run AND q.step < p_step AND d.applied AND d.word IN ('answer', 'edit')
          AND EXISTS (
              SELECT FROM json_each(c.decision -> 'flows') f
              WHERE f.value ->> 'origins' LIKE '%"person"%')
    ) said
    WHERE c.decision ->> 'author' IS NULL
$$;

-- As before, and without those of authors who could have asked for the run themselves, or spoke to it.
CREATE OR REPLACE FUNCTION proctor.held_grants(p_run proctor.run, p_step integer)
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
          WHERE q.run_id = p_run.run_id AND d.by = g.by
            AND ((q.step = p_step AND d.word = 'edit') OR (q.step < p_step AND d.word = 'answer')))
      AND NOT EXISTS (
          SELECT FROM proctor.control c
          WHERE c.run_id = p_run.run_id AND c.by = g.by AND c.word IN ('take_over', 'act', 'say'))
      AND g.by <> ALL ((SELECT proctor.could_have_asked(p_run))::text[])  -- asked once, and only where there is any grant
    ORDER BY g.expires_at, g.id;
END $$;
