-- The runs under a fence that have not ended. A tool's: those with a call to it that has not come to its end (planned,
-- waiting for a person, under way, or of unknown outcome), or that are taking an effect back with it.
SELECT r.run_id FROM proctor.run r
WHERE r.closed_at IS NULL AND CASE $1
    WHEN 'all' THEN true
    WHEN 'run' THEN r.run_id = $2
    WHEN 'agent' THEN r.agent = $2
    WHEN 'tenant' THEN r.tenant = $2
    ELSE EXISTS (
        SELECT FROM proctor.planned_call c
        WHERE c.run_id = r.run_id AND c.tool = $2 AND NOT EXISTS (
            SELECT FROM proctor.transcript t
            WHERE t.run_id = c.run_id AND t.step = c.step AND t.call = c.call
              AND t.kind IN ('result', 'failure', 'denial'))
    ) OR EXISTS (
        SELECT FROM proctor.effect e
        WHERE e.run_id = r.run_id AND e.tool = $2 AND e.state IN ('intent', 'attempt_failed', 'unknown'))
END
ORDER BY r.created_at
