SELECT body FROM proctor.content WHERE digest = $1
