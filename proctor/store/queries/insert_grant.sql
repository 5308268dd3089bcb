INSERT INTO proctor.standing_grant (id, tenant, agent, tool, tool_version, policy_digest, run_id, match, is_exact, rules,
                                    request_id, by, created_at, expires_at, max_uses)
SELECT x.id, x.tenant, x.agent, x.tool, x.tool_version, x.policy_digest, x.run_id, x.match, x.is_exact, x.rules,
       x.request_id, x.by, x.created_at, x.expires_at, x.max_uses
FROM json_to_record($1::json) AS x(
    id text, tenant text, agent text, tool text, tool_version text, policy_digest text, run_id text, match json,
    is_exact boolean, rules json, request_id text, by text, created_at timestamptz, expires_at timestamptz,
    max_uses integer)
