SELECT r.* FROM unnest($1::text[]) WITH ORDINALITY AS asked (run_id, n) JOIN proctor.run r USING (run_id) ORDER BY n
