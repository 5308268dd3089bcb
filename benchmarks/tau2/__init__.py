"""Environments of tau2 as MCP tools of agents, while the worker is killed: each write must happen once."""
