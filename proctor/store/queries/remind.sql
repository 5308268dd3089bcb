SELECT proctor.announce(q.id || '/waiting', 'request_waiting', q.id, q.run_id, q.id, r.tenant, q.agent,
                        json_build_object('request', q.id, 'kind', q.kind, 'step', q.step, 'call', q.call,
                                          'owner', q.owner, 'expires_at', q.expires_at), clock_timestamp())
FROM proctor.request q JOIN proctor.run r ON r.run_id = q.run_id
WHERE q.state = 'pending' AND q.expires_at > clock_timestamp()
  AND clock_timestamp() > q.created_at + (q.expires_at - q.created_at) * 0.75
  AND NOT EXISTS (SELECT FROM proctor.event e WHERE e.id = q.id || '/waiting')
LIMIT 200
