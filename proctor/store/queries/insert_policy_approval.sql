INSERT INTO proctor.policy_approval (version_id, word, by, reason, at) VALUES ($1, $2, $3, $4, clock_timestamp())
