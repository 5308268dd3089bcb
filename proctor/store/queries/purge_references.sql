DELETE FROM proctor.channel_reference WHERE (channel, subject) IN (
    SELECT channel, subject FROM proctor.channel_reference
    WHERE at < clock_timestamp() - make_interval(days => $1::int) LIMIT $2)
