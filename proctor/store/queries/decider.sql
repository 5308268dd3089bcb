-- What a decision of $2 in the place of $1, about a request of the agent $3, at the time $4, with the key $5 rests on.
SELECT
    (SELECT p.roles FROM proctor.principal p WHERE p.name = $1 AND p.disabled_at IS NULL) AS roles,
    proctor.is_delegated($1, $2, $3, $4) AS is_delegated,
    (SELECT k FROM proctor.approver_key k WHERE k.id = $5) AS key
