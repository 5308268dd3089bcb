SELECT
    clock_timestamp() AS at,
    r AS run,
    (SELECT p.step_plan FROM proctor.plan p WHERE p.run_id = $1 AND p.step = $2) AS recorded,
    (SELECT c.body FROM proctor.content c WHERE c.digest = r.input_digest) AS input,
    (SELECT c.body::json -> 'cursor' FROM proctor.content c WHERE c.digest = (
        SELECT p.proposal_digest FROM proctor.plan p
        WHERE p.run_id = $1 AND p.step < $2 ORDER BY p.step DESC LIMIT 1)) AS cursor,
    (SELECT f FROM proctor.fence f
      WHERE f.released_at IS NULL
        AND (f.scope = 'all' OR (f.scope = 'run' AND f.value = r.run_id)
             OR (f.scope = 'agent' AND f.value = r.agent) OR (f.scope = 'tenant' AND f.value = r.tenant))
      ORDER BY f.mode <> 'freeze', f.epoch LIMIT 1) AS fence,
    (SELECT json_object_agg(d.tool, d.level) FROM proctor.demotion d WHERE d.agent = r.agent) AS demotions
FROM proctor.run r
WHERE r.run_id = $1
