SELECT CASE $1::text
    WHEN 'all' THEN true
    WHEN 'run' THEN EXISTS (SELECT FROM proctor.run WHERE run_id = $2)
    WHEN 'agent' THEN EXISTS (SELECT FROM proctor.run WHERE agent = $2)
    WHEN 'tenant' THEN EXISTS (SELECT FROM proctor.run WHERE tenant = $2)
    ELSE EXISTS (SELECT FROM proctor.planned_call WHERE tool = $2)
END
