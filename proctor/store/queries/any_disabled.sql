SELECT EXISTS (SELECT FROM proctor.principal p WHERE p.name = ANY ($1::text[]) AND p.disabled_at IS NOT NULL)
