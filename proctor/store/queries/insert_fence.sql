-- Under the exclusive fence lock, which an earlier statement took: epochs grow in the order of commits.
INSERT INTO proctor.fence (scope, value, actor, reason, mode, raised_at)
VALUES ($1, $2, $3, $4, $5, clock_timestamp())
RETURNING *
