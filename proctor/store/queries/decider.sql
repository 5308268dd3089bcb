-- What a decision of $2 in the place of $1, about a request of the agent $3, at the time $4, with the key $5 rests on.
-- The run is of $6, from $7 on: who made a key by which a service could ask may have asked.
SELECT
    (SELECT p.roles FROM proctor.principal p WHERE p.name = $1 AND p.disabled_at IS NULL) AS roles,
    proctor.is_delegated($1, $2, $3, $4) AS is_delegated,
    (SELECT k FROM proctor.approver_key k WHERE k.id = $5) AS key,
    EXISTS (
        SELECT FROM proctor.api_key k JOIN proctor.principal p ON p.name = k.principal
        WHERE k.principal = $6 AND p.is_service AND k.created_by IN ($1, $2) AND k.created_at <= $7
          AND k.expires_at >= $7 AND (k.revoked_at IS NULL OR k.revoked_at >= $7)) AS could_have_asked
