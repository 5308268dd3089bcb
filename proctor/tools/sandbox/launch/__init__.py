"""What runs between the worker and a sandboxed command: standard library alone, few modules, no site packages."""
