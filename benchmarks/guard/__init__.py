"""What the guard around one call costs, beside the bare HTTP call that it guards."""
