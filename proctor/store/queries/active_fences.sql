SELECT * FROM proctor.fence WHERE released_at IS NULL ORDER BY epoch
