SELECT agent FROM proctor.agent_chain WHERE audit_n >= 0 ORDER BY agent
