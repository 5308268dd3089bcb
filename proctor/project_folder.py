"""Where the project is. Apart from the settings, because every command asks first, and those take long to import."""

from pathlib import Path


def project_root(cwd: Path) -> Path:
    """Find the project: the nearest folder from `cwd` upwards that holds `agents/`, else `cwd`."""
    return next((folder for folder in (cwd, *cwd.parents) if (folder / "agents").is_dir()), cwd)
