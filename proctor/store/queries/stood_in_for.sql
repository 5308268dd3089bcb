-- The one call of the newest step that its planner proposed, if nothing of that step was carried out and nobody has
-- done it since, with where the planner stood.
SELECT c.tool, c.node, (SELECT b.body::json -> 'cursor' FROM proctor.content b WHERE b.digest = p.proposal_digest) AS cursor
FROM proctor.plan p
JOIN proctor.set_aside s ON s.run_id = p.run_id AND s.step = p.step
JOIN proctor.planned_call c ON c.run_id = p.run_id AND c.step = p.step AND c.node <> ''
    AND (c.decision ->> 'replaces') IS NULL
WHERE p.run_id = $1
    AND p.step = (
        SELECT max(q.step) FROM proctor.plan q
        WHERE q.run_id = $1 AND q.step < $2
            AND NOT EXISTS (SELECT FROM proctor.control_act a WHERE a.run_id = $1 AND a.step = q.step))
    AND NOT EXISTS (
        SELECT FROM proctor.planned_call o
        WHERE o.run_id = $1 AND (
            (o.step = p.step AND o.call <> c.call AND (o.decision ->> 'replaces') IS NULL)
            OR (o.step > p.step AND o.step < $2 AND o.node = c.node)))
