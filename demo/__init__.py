"""The demo world: a service that really breaks, its supervisor and a ticket service, each a process of its own."""
