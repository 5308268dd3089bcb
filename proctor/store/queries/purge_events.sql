DELETE FROM proctor.event WHERE n IN (
    SELECT e.n FROM proctor.event e
    WHERE e.at < clock_timestamp() - make_interval(days => $1::int)
      AND NOT EXISTS (SELECT 1 FROM proctor.delivery d WHERE d.event_n = e.n)
    LIMIT $2)
