"""The SQL of the store, one query a file."""

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> str:
    """Give the text of `<name>.sql`."""
    return files(__name__).joinpath(f"{name}.sql").read_text("utf-8")
