-- The newest attempt cost what the plan says; older ones were lost, so what they reserved counts as spent.
UPDATE proctor.spend s SET settled_usd = CASE
    WHEN s.attempt = (SELECT max(m.attempt) FROM proctor.spend m
                      WHERE m.run_id = $1 AND m.step = $2 AND m.settled_usd IS NULL) THEN $3
    ELSE s.reserved_usd END
WHERE s.run_id = $1 AND s.step = $2 AND s.settled_usd IS NULL
