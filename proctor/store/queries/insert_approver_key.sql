INSERT INTO proctor.approver_key (id, principal, public_key, label, added_at, valid_from, vouched_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING *
