SELECT * FROM proctor.live_cells($1) c ORDER BY c.n
