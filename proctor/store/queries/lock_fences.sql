SELECT pg_advisory_xact_lock(proctor.fence_lock())
