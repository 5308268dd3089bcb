UPDATE proctor.webhook SET disabled_at = NULL, disabled_why = '' WHERE id = $1 RETURNING *
