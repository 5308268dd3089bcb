SELECT c.*, a.step AS act_step FROM proctor.control c
LEFT JOIN proctor.control_act a USING (run_id, n)
WHERE c.run_id = $1 AND c.word = 'act' AND a.step IS NULL
ORDER BY c.n LIMIT 1
