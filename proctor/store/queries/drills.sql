SELECT * FROM proctor.drill WHERE passed OR NOT $1 ORDER BY n DESC LIMIT $2
