UPDATE proctor.approver_key SET valid_from = least(valid_from, $2), vouched_by = $3 WHERE id = $1 RETURNING *
