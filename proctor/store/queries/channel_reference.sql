SELECT reference FROM proctor.channel_reference WHERE channel = $1 AND subject = $2
