INSERT INTO proctor.control (run_id, n, word, by, text, call, key, step, at)
SELECT $1::text, coalesce(max(c.n) + 1, 0), $2::text, $3::text, $4::text, $5::json, nullif($6::text, ''), $7::int,
    $8::timestamptz
FROM proctor.control c WHERE c.run_id = $1
RETURNING *
