"""The gateway over real sockets on a real store."""
