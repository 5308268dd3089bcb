SELECT * FROM proctor.approver_key WHERE id = $1
