"""Which credentials file a worker reads, and what its tools cannot read as settings."""

from pathlib import Path

import pytest

from proctor.contracts.errors import InvalidDocument
from proctor.credentials.resolver import names_of_environment
from proctor.credentials_file import read_file
from proctor.settings import Settings
from workers.wiring import tool_environment

DOCUMENT = "credentials: {it: {source: {kind: environment, name: TICKETS_TOKEN}, tools: [CreateTicket]}}\n"


def test_file_of_the_project_is_read_unless_another_is_named(tmp_path: Path) -> None:
    """No file is no credentials; one that was named and is not there is a mistake."""
    (tmp_path / "agents").mkdir()
    assert {} == read_file(Settings.load({}, tmp_path)).credentials
    (tmp_path / "credentials.yaml").write_text(DOCUMENT)
    assert ["it"] == list(read_file(Settings.load({}, tmp_path)).credentials)
    (tmp_path / "other.yaml").write_text(DOCUMENT.replace("it:", "other:"))
    assert ["other"] == list(read_file(Settings.load({"PROCTOR_CREDENTIALS": "other.yaml"}, tmp_path)).credentials)
    with pytest.raises(InvalidDocument):
        read_file(Settings.load({"PROCTOR_CREDENTIALS": "none.yaml"}, tmp_path))


def test_tools_cannot_read_credentials_as_settings(tmp_path: Path) -> None:
    """A tool that may not have a credential must not find it in its environment."""
    (tmp_path / "credentials.yaml").write_text(DOCUMENT)
    file = read_file(Settings.load({"PROCTOR_CREDENTIALS": "credentials.yaml"}, tmp_path))
    environ = {"TICKETS_TOKEN": "secret", "TICKETS_URL": "https://tickets.example"}
    assert {"TICKETS_URL": "https://tickets.example"} == tool_environment(environ, names_of_environment(file))
