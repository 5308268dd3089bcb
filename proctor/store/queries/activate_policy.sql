INSERT INTO proctor.policy_activation (agent, version_id, bundle_digest, at)
SELECT v.agent, v.id, v.bundle_digest, clock_timestamp() FROM proctor.policy_version v WHERE v.id = $1
