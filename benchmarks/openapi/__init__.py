"""OpenAPI documents of real services, imported: every operation, every schema, nothing dropped without a note."""
