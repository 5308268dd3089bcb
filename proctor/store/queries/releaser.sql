-- Who $2 is, who would lift a fence that $1 raised at $3.
SELECT
    EXISTS (SELECT FROM proctor.principal p WHERE p.name = $2 AND p.is_service) AS is_service,
    coalesce($2 = ANY (proctor.makers_of_keys($1, $3)), false) AS could_have_raised
