SELECT
    clock_timestamp() AS at,
    r AS run,
    (SELECT p.step_plan FROM proctor.plan p WHERE p.run_id = $1 AND p.step = $2) AS recorded,
    (SELECT c.body FROM proctor.content c WHERE c.digest = r.input_digest) AS input,
    (SELECT c.body::json -> 'cursor' FROM proctor.content c WHERE c.digest = (
        SELECT p.proposal_digest FROM proctor.plan p
        WHERE p.run_id = $1 AND p.step < $2
          AND NOT EXISTS (SELECT FROM proctor.set_aside s WHERE s.run_id = $1 AND s.step = p.step)
        ORDER BY p.step DESC LIMIT 1)) AS cursor,
    (SELECT f FROM proctor.fence f
      WHERE f.released_at IS NULL
        AND (f.scope = 'all' OR (f.scope = 'run' AND f.value = r.run_id)
             OR (f.scope = 'agent' AND f.value = r.agent) OR (f.scope = 'tenant' AND f.value = r.tenant))
      ORDER BY f.mode <> 'freeze', f.epoch LIMIT 1) AS fence,
    (SELECT json_object_agg(d.tool, d.level) FROM proctor.demotion d WHERE d.agent = r.agent) AS demotions,
    (SELECT json_agg(c) FROM proctor.live_cells(r.agent) c) AS cells,
    (SELECT json_agg(g ORDER BY g.at) FROM proctor.denied_goal g WHERE g.run_id = r.run_id) AS denied_goals,
    (SELECT v.bundle_digest FROM proctor.policy_activation v
      WHERE v.agent = r.agent ORDER BY v.n DESC LIMIT 1) AS active_bundle,
    (SELECT json_agg(h) FROM proctor.held_grants(r, $2) h) AS grants,
    proctor.stirred_breakers('') AS breakers,
    d.content_digest AS declared_digest,
    (SELECT c.body FROM proctor.content c WHERE c.digest = d.content_digest) AS declared
FROM proctor.run r
LEFT JOIN proctor.declared_plan d ON d.run_id = r.run_id
WHERE r.run_id = $1
