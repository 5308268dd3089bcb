"""The routes of `/v1`: each asks the caller's front, and nothing else."""
