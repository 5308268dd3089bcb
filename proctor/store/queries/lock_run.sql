SELECT * FROM proctor.lock_run($1, $2, $3, $4, $5)
