SELECT c.name FROM (
    SELECT name FROM proctor.channel
    UNION ALL SELECT 'webhook:' || id FROM proctor.webhook
) c
WHERE EXISTS (SELECT 1 FROM proctor.delivery d
               WHERE d.channel = c.name AND d.state = 'pending' AND d.next_at <= clock_timestamp())
