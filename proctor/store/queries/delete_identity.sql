DELETE FROM proctor.identity WHERE system = $1 AND subject = $2
