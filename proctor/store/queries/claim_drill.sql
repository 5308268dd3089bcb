-- The row's lock orders gateways that ask at the same moment; whoever waited looks at the condition again.
UPDATE proctor.drill_lease l SET holder = $1, until = clock_timestamp() + make_interval(secs => $3)
WHERE l.until < clock_timestamp() AND NOT EXISTS (
    SELECT FROM proctor.drill d WHERE d.at > clock_timestamp() - make_interval(secs => $2))
RETURNING true
