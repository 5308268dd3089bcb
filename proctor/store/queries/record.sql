-- Writes everything that one transaction has to say about a run, in one round trip. Each parameter is a JSON list of
-- rows, or null for none; $1 is the run, $2 what changes in its row.
--
-- Whoever does not hold the run's lock gives the ends of its audit ($12) and transcript ($13) as it knows them: if
-- somebody has written since, nothing at all is written and no row comes back. A lock that is waited for does not
-- weaken this: READ COMMITTED looks at the condition again on the row that the former holder left.
WITH
held AS MATERIALIZED (
    SELECT r.tenant, r.agent, r.requester FROM proctor.run r
    WHERE r.run_id = $1 AND ($12::text IS NULL OR (r.audit_hash = $12 AND r.transcript_n = $13::int))
    FOR NO KEY UPDATE
),
written_content AS (
    INSERT INTO proctor.content (digest, body)
    SELECT x.digest, x.body FROM held, json_to_recordset($3::json) AS x(digest text, body text)
    ON CONFLICT (digest) DO NOTHING
),
written_audit AS (
    INSERT INTO proctor.audit (run_id, n, at, kind, body, prev, hash)
    SELECT $1, x.n, x.at, x.kind, x.body, x.prev, x.hash
    FROM held, json_to_recordset($4::json) AS x(n int, at timestamptz, kind text, body json, prev text, hash text)
),
written_transcript AS (
    INSERT INTO proctor.transcript (run_id, n, step, call, kind, node, tool, content_digest, labels, summary)
    SELECT $1, x.n, x.step, x.call, x.kind, x.node, x.tool, x.content_digest, x.labels, x.summary
    FROM held, json_to_recordset($5::json) AS x(
        n int, step int, call int, kind text, node text, tool text, content_digest text, labels json, summary text)
),
written_effects AS (
    INSERT INTO proctor.effect (key, run_id, step, call, kind, tool, state, attempt, doubtful, intent_at,
                                outcome_at, result_digest, summary, request_id, epoch, tenant, agent, requester,
                                arguments_digest, review_after)
    SELECT x.key, $1, x.step, x.call, x.kind, x.tool, x.state, x.attempt, x.doubtful, x.intent_at,
           x.outcome_at, x.result_digest, x.summary, x.request_id, x.epoch, held.tenant, held.agent, held.requester,
           x.arguments_digest, x.review_after
    FROM held, json_to_recordset($6::json) AS x(
        key text, step int, call int, kind text, tool text, state text, attempt int, doubtful boolean,
        intent_at timestamptz, outcome_at timestamptz, result_digest text, summary text, request_id text, epoch bigint,
        arguments_digest text, review_after boolean)
    ON CONFLICT (key) DO UPDATE SET
        state = EXCLUDED.state, attempt = EXCLUDED.attempt, doubtful = EXCLUDED.doubtful, intent_at = EXCLUDED.intent_at,
        outcome_at = EXCLUDED.outcome_at, result_digest = EXCLUDED.result_digest, summary = EXCLUDED.summary,
        request_id = EXCLUDED.request_id, epoch = EXCLUDED.epoch
),
written_requests AS (
    INSERT INTO proctor.request (id, kind, run_id, step, call, agent, requester, owner, title, details, binding,
                                 effect_key, created_at, expires_at, process, escalated, next_at, replaces)
    SELECT x.id, x.kind, $1, x.step, x.call, x.agent, x.requester, x.owner, x.title, x.details, x.binding,
           x.effect_key, x.created_at, x.expires_at, x.process, x.escalated, x.next_at, x.replaces
    FROM held, json_to_recordset($7::json) AS x(
        id text, kind text, step int, call int, agent text, requester text, owner text, title text, details json,
        binding json, effect_key text, created_at timestamptz, expires_at timestamptz, process json,
        escalated int, next_at timestamptz, replaces int)
    ON CONFLICT (id) DO NOTHING
),
changed_requests AS (
    UPDATE proctor.request q SET
        state = coalesce(x.state, q.state), noted = coalesce(x.noted, q.noted),
        decided_by = coalesce(x.decided_by, q.decided_by), word = coalesce(x.word, q.word),
        reason = coalesce(x.reason, q.reason), answer = coalesce(x.answer, q.answer),
        escalated = coalesce(x.escalated, q.escalated),
        next_at = CASE WHEN x.escalated IS NULL THEN q.next_at ELSE x.next_at END
    FROM held, json_to_recordset($8::json) AS x(
        id text, state text, noted boolean, decided_by text, word text, reason text, answer text,
        escalated int, next_at timestamptz)
    WHERE q.id = x.id
),
written_decisions AS (
    INSERT INTO proctor.decision (id, request_id, run_id, word, answer, reason, by, at, applied, note, binding_digest,
                                  roles, channel, on_behalf_of, key_id, signature, grant_terms, arguments_digest)
    SELECT x.id, x.request_id, $1, x.word, x.answer, x.reason, x.by, x.at, x.applied, x.note, x.binding_digest,
           x.roles, x.channel, x.on_behalf_of, x.key_id, x.signature, x.grant_terms, x.arguments_digest
    FROM held, json_to_recordset($9::json) AS x(
        id text, request_id text, word text, answer text, reason text, by text, at timestamptz, applied boolean,
        note text, binding_digest text, roles text[], channel text, on_behalf_of text, key_id text, signature text,
        grant_terms json, arguments_digest text)
),
written_plan AS (
    INSERT INTO proctor.plan (run_id, step, proposal_digest, step_plan, recorded_at)
    SELECT $1, x.step, x.proposal_digest, x.step_plan, x.recorded_at
    FROM held, json_to_recordset($10::json) AS x(step int, proposal_digest text, step_plan json, recorded_at timestamptz)
),
written_calls AS (
    INSERT INTO proctor.planned_call (run_id, step, call, tool, tool_version, node, arguments_digest, decision)
    SELECT $1, x.step, x.call, x.tool, x.tool_version, x.node, x.arguments_digest, x.decision
    FROM held, json_to_recordset($11::json) AS x(
        step int, call int, tool text, tool_version text, node text, arguments_digest text, decision json)
),
written_goals AS (
    INSERT INTO proctor.denied_goal (run_id, goal, tool, by, reason, step, call, at)
    SELECT $1, x.goal, x.tool, x.by, x.reason, x.step, x.call, x.at
    FROM held, json_to_recordset($14::json) AS x(
        goal text, tool text, by text, reason text, step int, call int, at timestamptz)
    ON CONFLICT DO NOTHING
),
written_declarations AS (
    INSERT INTO proctor.declared_plan (run_id, step, content_digest, at)
    SELECT $1, x.step, x.content_digest, x.at
    FROM held, json_to_recordset($15::json) AS x(step int, content_digest text, at timestamptz)
),
written_reads AS (
    INSERT INTO proctor.read_call (key, run_id, tool, tenant, agent, requester, arguments_digest, at)
    SELECT x.key, $1, x.tool, held.tenant, held.agent, held.requester, x.arguments_digest, x.at
    FROM held, json_to_recordset($16::json) AS x(key text, tool text, arguments_digest text, at timestamptz)
    ON CONFLICT (key) DO NOTHING
),
written_reviews AS (
    INSERT INTO proctor.review (id, kind, run_id, step, call, tenant, agent, requester, tool, risk, arguments_digest,
                                title, at)
    SELECT x.id, x.kind, $1, x.step, x.call, held.tenant, held.agent, held.requester, x.tool, x.risk,
           x.arguments_digest, x.title, x.at
    FROM held, json_to_recordset($17::json) AS x(
        id text, kind text, step int, call int, tool text, risk text, arguments_digest text, title text, at timestamptz)
    ON CONFLICT (id) DO NOTHING
),
-- Verdicts and levels get one time, of the statement that follows the agent's lock: what is newer was written later.
written_verdicts AS (
    INSERT INTO proctor.review_verdict (review_id, verdict, by, reason, decided_at)
    SELECT x.review_id, x.verdict, x.by, x.reason, statement_timestamp()
    FROM held, json_to_recordset($18::json) AS x(review_id text, verdict text, by text, reason text)
),
written_levels AS (
    INSERT INTO proctor.cell_level (agent, tool, risk, level, kind, declared, by, reason, at)
    SELECT held.agent, x.tool, x.risk, x.level, x.kind, x.declared, x.by, x.reason, statement_timestamp()
    FROM held, json_to_recordset($19::json) AS x(
        tool text, risk text, level text, kind text, declared text, by text, reason text)
),
written_notices AS (
    INSERT INTO proctor.notice (who, run_id, step, call, text, at)
    SELECT x.who, $1, x.step, x.call, x.text, x.at
    FROM held, json_to_recordset($20::json) AS x(who text, step int, call int, text text, at timestamptz)
    ON CONFLICT DO NOTHING
)
UPDATE proctor.run r SET
    audit_n = x.audit_n,
    audit_hash = x.audit_hash,
    transcript_n = x.transcript_n,
    policy_digest = coalesce(x.policy_digest, r.policy_digest),
    status = coalesce(x.status, r.status),
    status_reason = coalesce(x.status_reason, r.status_reason),
    cost_usd = coalesce(x.cost_usd, r.cost_usd),
    reserved_usd = coalesce(x.reserved_usd, r.reserved_usd),
    extension_usd = coalesce(x.extension_usd, r.extension_usd),
    steps = coalesce(x.steps, r.steps),
    report_digest = coalesce(x.report_digest, r.report_digest),
    receipt_digest = coalesce(x.receipt_digest, r.receipt_digest),
    fence_epoch = coalesce(x.fence_epoch, r.fence_epoch),
    closed_at = coalesce(x.closed_at, r.closed_at)
FROM held, json_to_record($2::json) AS x(
    audit_n int, audit_hash text, transcript_n int, policy_digest text, status text, status_reason text,
    cost_usd numeric, reserved_usd numeric, extension_usd numeric, steps int, report_digest text,
    receipt_digest text, fence_epoch bigint, closed_at timestamptz)
WHERE r.run_id = $1
RETURNING r.run_id
