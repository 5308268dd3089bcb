SELECT proctor.set_breaker($1, $2, $3, $4)
