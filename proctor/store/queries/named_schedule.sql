SELECT * FROM proctor.schedule WHERE name = $1
