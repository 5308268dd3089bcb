DELETE FROM proctor.delivery WHERE id IN (
    SELECT id FROM proctor.delivery
    WHERE state <> 'pending'
      AND done_at < clock_timestamp() - make_interval(days => CASE WHEN state = 'dead' THEN $2::int ELSE $1::int END)
    LIMIT $3 FOR UPDATE SKIP LOCKED)
