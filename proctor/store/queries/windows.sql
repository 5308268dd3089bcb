SELECT proctor.window_answers($1, $2, $3, $4, '', clock_timestamp(), $5)
