INSERT INTO proctor.policy_version (id, agent, bundle_digest, policy_digest, owner, change, summary, against,
                                    proposed_by, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp())
