SELECT * FROM proctor.fence WHERE epoch = $1
