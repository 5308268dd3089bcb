INSERT INTO proctor.drill (by, at, run_id, passed, fence_s, stopped_s, closed_s, note)
VALUES ($1, clock_timestamp(), $2, $3, $4, $5, $6, $7)
RETURNING *
