SELECT * FROM proctor.fence WHERE epoch = ANY($1::bigint[])
