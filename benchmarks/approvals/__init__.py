"""What approvals are held to: altered ones carry out nothing, and of approve and deny one wins."""
