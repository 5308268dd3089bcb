-- Under the shared fence lock, which an earlier statement took.
SELECT
    clock_timestamp() AS at,
    (SELECT r FROM proctor.run r WHERE r.tenant = $1 AND r.idempotency_key = $2) AS run,
    (SELECT f FROM proctor.fence f
      WHERE f.released_at IS NULL
        AND (f.scope = 'all' OR (f.scope = 'agent' AND f.value = $3) OR (f.scope = 'tenant' AND f.value = $1)
             OR (f.scope = 'run' AND f.value = $4))
      ORDER BY f.epoch LIMIT 1) AS fence
