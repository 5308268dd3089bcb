SELECT subject FROM proctor.channel_reference WHERE channel = $1 AND reference = $2 ORDER BY at DESC LIMIT 1
