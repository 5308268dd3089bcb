WITH changed AS (
    INSERT INTO proctor.document AS d (id, title, body)
    SELECT x.id, x.title, x.body FROM json_to_recordset($1::json) AS x(id text, title text, body text)
    ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title, body = EXCLUDED.body, updated_at = now()
    WHERE (d.title, d.body) IS DISTINCT FROM (EXCLUDED.title, EXCLUDED.body)
    RETURNING 1
)
SELECT count(*) FROM changed
