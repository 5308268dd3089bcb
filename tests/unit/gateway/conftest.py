"""An installation on fakes, and the command called in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli.main import run

from .fake_issuer import FakeIssuer
from .fakes import FakeInstallation


@pytest.fixture
def installation(tmp_path: Path) -> FakeInstallation:
    (tmp_path / "agents").mkdir()
    return FakeInstallation(tmp_path)


@pytest.fixture
def proctor(installation: FakeInstallation, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Call the command; gives exit code, stdout and stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments, installation.wiring)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture(scope="module")
def issuer_with_keys() -> FakeIssuer:
    """Make keys once: that takes longest."""
    return FakeIssuer()


@pytest.fixture
def idp(issuer_with_keys: FakeIssuer) -> FakeIssuer:
    """Give an honest issuer that nobody asked anything."""
    issuer_with_keys.be_honest()
    return issuer_with_keys
