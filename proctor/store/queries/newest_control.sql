SELECT c.*, a.step AS act_step FROM proctor.control c
LEFT JOIN proctor.control_act a USING (run_id, n)
WHERE c.run_id = $1 AND c.word = ANY ($2::text[])
ORDER BY c.n DESC LIMIT 1
