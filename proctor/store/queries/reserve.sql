-- On a locked run row. A repeated reservation of the same attempt changes nothing.
WITH reserved AS (
    INSERT INTO proctor.spend (run_id, step, attempt, reserved_usd)
    SELECT r.run_id, $2, $3, $4 FROM proctor.run r
    WHERE r.run_id = $1 AND r.cost_usd + r.reserved_usd + $4 <= $5
    ON CONFLICT DO NOTHING
    RETURNING reserved_usd
),
counted AS (
    UPDATE proctor.run r SET reserved_usd = r.reserved_usd + reserved.reserved_usd
    FROM reserved WHERE r.run_id = $1
)
SELECT EXISTS (SELECT FROM reserved)
    OR EXISTS (SELECT FROM proctor.spend s WHERE s.run_id = $1 AND s.step = $2 AND s.attempt = $3)
