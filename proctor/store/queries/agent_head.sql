SELECT audit_n, audit_hash FROM proctor.agent_chain WHERE agent = $1
