SELECT * FROM proctor.lock_agent($1)
