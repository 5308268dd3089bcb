"""Tools of MCP servers: sessions, what is sent and believed, and how a server's tools become contracts.

Only a server's tools are used. Its instructions, prompts and resources are not, and what it asks of its client
(sampling, elicitation, roots) is refused.
"""
