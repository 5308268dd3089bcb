SELECT * FROM proctor.request WHERE id = $1
