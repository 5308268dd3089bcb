SELECT r.run_id FROM proctor.run r
WHERE r.closed_at IS NULL AND CASE $1
    WHEN 'all' THEN true
    WHEN 'run' THEN r.run_id = $2
    WHEN 'agent' THEN r.agent = $2
    WHEN 'tenant' THEN r.tenant = $2
    ELSE EXISTS (SELECT FROM proctor.planned_call c WHERE c.run_id = r.run_id AND c.tool = $2)
END
ORDER BY r.created_at
