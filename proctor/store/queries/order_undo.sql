UPDATE proctor.run SET undo_by = $2, undo_epoch = $3 WHERE run_id = $1
