"""Credentials of tools: resolved for one tool at a time, kept in memory for a while, and hidden wherever they show."""
