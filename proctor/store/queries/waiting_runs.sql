-- Those of the given runs that do nothing but wait for a person: no kill has reached them, nobody is at the wheel, no
-- effect is without an outcome, and what their newest step has come to is a request that is pending. The calls of a step
-- are carried out one after the other, so a request of one call says nothing while a call before it has not ended.
SELECT
    r AS run,
    clock_timestamp() AS at,
    ARRAY(SELECT DISTINCT c.tool FROM proctor.planned_call c WHERE c.run_id = r.run_id) AS tools
FROM proctor.run r
WHERE r.run_id = ANY($1::text[]) AND r.fence_epoch IS NULL AND r.driver IS NULL
  AND NOT EXISTS (
      SELECT FROM proctor.effect e WHERE e.run_id = r.run_id AND e.state IN ('intent', 'attempt_failed', 'unknown'))
  AND EXISTS (
      SELECT FROM proctor.request q
      WHERE q.run_id = r.run_id AND q.state = 'pending' AND q.kind IN ('approval', 'question', 'budget')
        AND NOT EXISTS (
            SELECT FROM proctor.plan p
            WHERE p.run_id = r.run_id AND p.step >= q.step + CASE q.kind WHEN 'budget' THEN 0 ELSE 1 END)
        AND NOT EXISTS (
            SELECT FROM proctor.planned_call c
            WHERE c.run_id = r.run_id AND c.step = q.step AND c.call < q.call AND NOT EXISTS (
                SELECT FROM proctor.transcript t
                WHERE t.run_id = c.run_id AND t.step = c.step AND t.call = c.call
                  AND t.kind IN ('result', 'failure', 'denial'))))
ORDER BY r.run_id
