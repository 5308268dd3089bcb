"""Turns OpenAPI 3.0 and 3.1 documents into tool contracts; whatever cannot be turned is named in a report."""
