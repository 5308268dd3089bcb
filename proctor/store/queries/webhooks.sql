SELECT * FROM proctor.webhook ORDER BY created_at DESC, id
