INSERT INTO proctor.cell_level (agent, tool, risk, level, kind, declared, by, reason, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, statement_timestamp())
