"""Adapters behind `ToolPort`: one per kind of implementation, and what authors of Python tools import."""
