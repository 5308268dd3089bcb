SELECT run_id FROM proctor.run
WHERE status = 'accepted' AND closed_at IS NULL AND created_at < clock_timestamp() - make_interval(secs => $1)
ORDER BY created_at
