SELECT * FROM proctor.breakers_seen('', $1)
