SELECT * FROM proctor.decision WHERE request_id = $1 ORDER BY n
