UPDATE proctor.fence SET released_at = clock_timestamp(), released_by = $2 WHERE epoch = $1 RETURNING *
