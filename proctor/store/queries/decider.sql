-- What a decision of $2 in the place of $1 at the time $4, with the key $5, rests on. It is about the call $7 of step $6 of
-- the run $3.
SELECT
    (SELECT p.roles FROM proctor.principal p WHERE p.name = $1 AND p.disabled_at IS NULL) AS roles,
    proctor.is_delegated($1, $2, r.agent, $4) AS is_delegated,
    (SELECT k FROM proctor.approver_key k WHERE k.id = $5) AS key,
    proctor.could_have_asked(r) AS could_have_asked,
    coalesce(proctor.prompters_of(r.run_id, $6, $7), '{}') AS prompters
FROM proctor.run r
WHERE r.run_id = $3
