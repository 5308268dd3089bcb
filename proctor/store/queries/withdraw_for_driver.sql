-- What the agent asked people is moot while one of them drives; what asks about effects and money is not.
WITH withdrawn AS (
    UPDATE proctor.request SET state = 'withdrawn'
    WHERE run_id = $1 AND state = 'pending' AND kind IN ('approval', 'question')
    RETURNING id, kind, step
),
aside AS (
    INSERT INTO proctor.set_aside (run_id, step)
    SELECT DISTINCT $1, w.step FROM withdrawn w WHERE w.kind = 'question'
    ON CONFLICT DO NOTHING
)
SELECT id FROM withdrawn ORDER BY id
