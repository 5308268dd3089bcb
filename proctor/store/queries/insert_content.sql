INSERT INTO proctor.content (digest, body) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING
