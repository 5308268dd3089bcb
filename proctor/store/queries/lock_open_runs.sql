-- Locks those of the given runs that are open and that nobody else writes about right now. What is true of them must be
-- read by a later statement: this one's snapshot may be older than its locks.
SELECT run_id FROM proctor.run WHERE run_id = ANY($1::text[]) AND closed_at IS NULL
FOR NO KEY UPDATE SKIP LOCKED
