-- The grants that may answer for a call of step $2 of run $1, which is locked; $3 is the call's key.
SELECT h.standing, h.roles, EXISTS (
    SELECT FROM proctor.grant_use u WHERE u.key = $3 AND u.grant_id = (h.standing).id) AS has_used
FROM proctor.run r, LATERAL proctor.held_grants(r, $2) h
WHERE r.run_id = $1
