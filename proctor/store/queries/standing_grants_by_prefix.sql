-- Grants whose id is $1, or begins with it where it is at least $2 characters long.
SELECT g.* FROM proctor.standing_grant g
WHERE g.id = $1 OR (length($1) >= $2 AND starts_with(g.id, $1))
LIMIT 2
