-- Whether a plan was declared, and whether the planner has seen words that are not ours or a person's. What a tool says
-- of its failure is the tool's. An input that is not the requester's was read by a model before it said anything.
SELECT
    (SELECT d.content_digest FROM proctor.declared_plan d WHERE d.run_id = $1) AS declared,
    EXISTS (
        SELECT FROM proctor.transcript t
        WHERE t.run_id = $1 AND (t.kind = 'failure' OR (
            t.kind <> 'proposal' AND (t.labels ->> 'integrity') IS DISTINCT FROM 'trusted'))
    ) OR EXISTS (
        SELECT FROM proctor.run r JOIN proctor.content c ON c.digest = r.bundle_digest
        WHERE r.run_id = $1 AND r.input_source <> '' AND (c.body::json #>> '{manifest,planner,kind}') = 'model'
    ) AS has_read_untrusted
