SELECT * FROM proctor.schedule WHERE deleted_at IS NULL ORDER BY name
