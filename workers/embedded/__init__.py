"""Real servers from wheels, for `proctor dev`, the demo and the tests."""
