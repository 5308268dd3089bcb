SELECT * FROM proctor.fence WHERE epoch = $1 FOR UPDATE
