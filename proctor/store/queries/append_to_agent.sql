-- Under the agent's lock, which an earlier statement took.
WITH written AS (
    INSERT INTO proctor.audit (run_id, n, at, kind, body, prev, hash)
    SELECT x.run_id, x.n, x.at, x.kind, x.body, x.prev, x.hash FROM json_to_recordset($2::json) AS x(
        run_id text, n int, at timestamptz, kind text, body json, prev text, hash text)
)
UPDATE proctor.agent_chain SET audit_n = $3, audit_hash = $4 WHERE agent = $1
