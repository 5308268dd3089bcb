SELECT proctor.authors_of($1, $2, $3)
