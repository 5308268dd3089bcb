SELECT w.*,
       CASE WHEN w.former_until > clock_timestamp() THEN w.former_secret END AS former,
       (p.disabled_at IS NULL AND p.roles && '{owner,auditor}') AS may_see_arguments
FROM proctor.webhook w JOIN proctor.principal p ON p.name = w.by
WHERE w.id = $1
