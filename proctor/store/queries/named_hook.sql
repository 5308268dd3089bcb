SELECT * FROM proctor.hook WHERE name = $1
