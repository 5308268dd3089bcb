-- Calls that were carried out, or tried: effects by the ledger, reads by what came of them in the transcript.
WITH used AS (
    SELECT c.tool, coalesce(c.tool_version, '') AS version, c.run_id,
           e.state, e.intent_at, e.outcome_at, t.kind,
           coalesce(e.outcome_at, e.intent_at, p.recorded_at) AS at
    FROM proctor.planned_call c
    JOIN proctor.plan p ON p.run_id = c.run_id AND p.step = c.step
    LEFT JOIN proctor.effect e ON e.run_id = c.run_id AND e.step = c.step AND e.call = c.call AND e.kind = 'act'
    LEFT JOIN proctor.transcript t
        ON t.run_id = c.run_id AND t.step = c.step AND t.call = c.call AND t.kind IN ('result', 'failure')
    WHERE ($1::text IS NULL OR c.tool = $1)
      AND p.recorded_at > now() - make_interval(secs => $2)
      AND (e.key IS NOT NULL OR t.n IS NOT NULL)
    UNION ALL
    SELECT e.tool, '', e.run_id, e.state, e.intent_at, e.outcome_at, NULL, coalesce(e.outcome_at, e.intent_at)
    FROM proctor.effect e
    WHERE e.kind = 'compensation' AND ($1::text IS NULL OR e.tool = $1)
      AND e.intent_at > now() - make_interval(secs => $2)
), judged AS (
    SELECT u.*, r.agent, r.tenant, coalesce(u.state IN ('failed', 'attempt_failed'), u.kind = 'failure') AS failed
    FROM used u JOIN proctor.run r ON r.run_id = u.run_id
)
SELECT tool, version, agent, tenant,
       count(*)::integer AS calls,
       count(*) FILTER (WHERE failed)::integer AS failed,
       count(*) FILTER (WHERE state = 'unknown')::integer AS unknown,
       max(at) AS last_used,
       max(at) FILTER (WHERE failed OR state = 'unknown') AS last_failed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM outcome_at - intent_at)::double precision)
           FILTER (WHERE state = 'confirmed') AS median_s
FROM judged
GROUP BY tool, version, agent, tenant
ORDER BY calls DESC, tool, version, agent, tenant
