INSERT INTO proctor.channel (name, attended_at) VALUES ($1, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET attended_at = EXCLUDED.attended_at
