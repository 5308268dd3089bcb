-- All words first; where no document has them all, any of them.
WITH
strict AS (SELECT websearch_to_tsquery('english', $1) AS words),
loose AS (SELECT replace(plainto_tsquery('english', $1)::text, '&', '|')::tsquery AS words),
chosen AS (
    SELECT CASE WHEN EXISTS (SELECT FROM proctor.document d, strict WHERE d.words @@ strict.words)
        THEN (SELECT words FROM strict) ELSE (SELECT words FROM loose) END AS words
)
SELECT d.id, d.title, ts_rank(d.words, chosen.words)::float8 AS score, d.updated_at,
       ts_headline('english', d.body, chosen.words,
                   'MaxFragments=2, MaxWords=40, MinWords=15, StartSel="", StopSel="", FragmentDelimiter=" … "') AS excerpt
FROM proctor.document d, chosen
WHERE d.words @@ chosen.words
ORDER BY score DESC, d.id
LIMIT $2
