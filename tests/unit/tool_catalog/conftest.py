"""One project for each test."""

from pathlib import Path

import pytest

from .shelf import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give a project without agents and tools."""
    return Project(tmp_path)
