-- Of each call the newest verdict counts, so that one call is one sample: a grant that was revoked, or an approved
-- effect that was looked at afterwards, speaks once. Only calls since the change count, not late verdicts on older ones:
-- what people say of proposals says nothing about effects.
WITH since AS (
    SELECT max(c.at) AS at FROM proctor.cell_level c
    WHERE c.agent = $1 AND c.tool IN ($2, '*') AND c.risk IN ($3, '*')
),
verdicts AS (
    SELECT DISTINCT ON (r.run_id, r.step, r.call) v.n, v.verdict
    FROM proctor.review r
    JOIN proctor.review_verdict v ON v.review_id = r.id
    CROSS JOIN since
    WHERE r.agent = $1 AND r.tool = $2 AND r.risk = $3 AND (since.at IS NULL OR r.at > since.at)
    ORDER BY r.run_id, r.step, r.call, v.n DESC
)
SELECT since.at AS since,
    (SELECT json_agg(v.verdict ORDER BY v.n) FROM verdicts v) AS verdicts,
    (SELECT count(*) FROM proctor.request q
      JOIN proctor.planned_call c ON c.run_id = q.run_id AND c.step = q.step AND c.call = q.call
      WHERE q.agent = $1 AND q.state = 'pending' AND q.kind IN ('unknown_outcome', 'failed_compensation')
        AND c.tool = $2) AS open_incidents
FROM since
