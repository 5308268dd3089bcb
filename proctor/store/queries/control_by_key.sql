SELECT c.*, a.step AS act_step FROM proctor.control c
LEFT JOIN proctor.control_act a USING (run_id, n)
WHERE c.run_id = $1 AND c.key = $2
