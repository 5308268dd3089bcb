"""Which revisions this version of the software knows; light, for the runtime's check at start."""

from importlib.resources import files


def known_revisions() -> list[str]:
    """List the revisions, oldest first."""
    folder = files("proctor.store").joinpath("migrations/sql")
    return sorted(entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql"))
