-- Writes everything that one transaction has to say about a run, in one round trip. Each parameter is a JSON list of
-- rows, or null for none; $1 is the run, $2 what changes in its row.
--
-- Whoever does not hold the run's lock gives the ends of its audit ($12) and transcript ($13) as it knows them: if
-- somebody has written since, nothing at all is written and no row comes back. A lock that is waited for does not
-- weaken this: READ COMMITTED looks at the condition again on the row that the former holder left.
WITH
held AS MATERIALIZED (
    SELECT FROM proctor.run r
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
                                outcome_at, result_digest, summary, request_id, epoch)
    SELECT x.key, $1, x.step, x.call, x.kind, x.tool, x.state, x.attempt, x.doubtful, x.intent_at,
           x.outcome_at, x.result_digest, x.summary, x.request_id, x.epoch
    FROM held, json_to_recordset($6::json) AS x(
        key text, step int, call int, kind text, tool text, state text, attempt int, doubtful boolean,
        intent_at timestamptz, outcome_at timestamptz, result_digest text, summary text, request_id text, epoch bigint)
    ON CONFLICT (key) DO UPDATE SET
        state = EXCLUDED.state, attempt = EXCLUDED.attempt, doubtful = EXCLUDED.doubtful, intent_at = EXCLUDED.intent_at,
        outcome_at = EXCLUDED.outcome_at, result_digest = EXCLUDED.result_digest, summary = EXCLUDED.summary,
        request_id = EXCLUDED.request_id, epoch = EXCLUDED.epoch
),
written_requests AS (
    INSERT INTO proctor.request (id, kind, run_id, step, call, agent, requester, owner, title, details, binding,
                                 effect_key, created_at, expires_at)
    SELECT x.id, x.kind, $1, x.step, x.call, x.agent, x.requester, x.owner, x.title, x.details, x.binding,
           x.effect_key, x.created_at, x.expires_at
    FROM held, json_to_recordset($7::json) AS x(
        id text, kind text, step int, call int, agent text, requester text, owner text, title text, details json,
        binding json, effect_key text, created_at timestamptz, expires_at timestamptz)
    ON CONFLICT (id) DO NOTHING
),
changed_requests AS (
    UPDATE proctor.request q SET
        state = coalesce(x.state, q.state), noted = coalesce(x.noted, q.noted),
        decided_by = coalesce(x.decided_by, q.decided_by), word = coalesce(x.word, q.word),
        reason = coalesce(x.reason, q.reason), answer = coalesce(x.answer, q.answer)
    FROM held, json_to_recordset($8::json) AS x(
        id text, state text, noted boolean, decided_by text, word text, reason text, answer text)
    WHERE q.id = x.id
),
written_decisions AS (
    INSERT INTO proctor.decision (id, request_id, run_id, word, answer, reason, by, at, applied, note, binding_digest)
    SELECT x.id, x.request_id, $1, x.word, x.answer, x.reason, x.by, x.at, x.applied, x.note, x.binding_digest
    FROM held, json_to_recordset($9::json) AS x(
        id text, request_id text, word text, answer text, reason text, by text, at timestamptz, applied boolean,
        note text, binding_digest text)
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
