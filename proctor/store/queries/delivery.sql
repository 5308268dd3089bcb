SELECT d.*, e AS event FROM proctor.delivery d JOIN proctor.event e ON e.n = d.event_n WHERE d.id = $1 FOR UPDATE OF d
