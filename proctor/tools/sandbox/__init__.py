"""Where commands and untrusted functions run: no network, a read-only view, limits on everything."""
