"""deploy/Dockerfile builds from what is in the repository, and ends as an unprivileged worker."""

import fnmatch
import re
import tomllib
from typing import Any

from packaging.specifiers import SpecifierSet

from tests.unit.deploy.composition import ROOT

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
STAGES = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
FINAL = STAGES[-1]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def copied() -> set[str]:
    """Give what is copied from the build context."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, flags=re.MULTILINE)
    return {source for line in lines for source in line.split()[:-1]}


def test_the_python_of_the_image_is_pinned_and_one_that_the_project_takes() -> None:
    """The image runs a Python on which the project says that it works."""
    found = re.search(r"^ARG PYTHON_IMAGE=python:(\d+\.\d+\.\d+)-slim-\w+$", DOCKERFILE, flags=re.MULTILINE)
    assert found is not None
    assert found[1] in SpecifierSet(project()["project"]["requires-python"])
    assert {"${PYTHON_IMAGE}", "packages"} == {stage.split()[0] for stage in STAGES[1:]}


def test_what_the_image_is_built_from_is_there_and_not_left_out_of_the_context() -> None:
    """Every COPY finds its source, past .dockerignore too."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    assert copied() <= let_in
    assert set() == {name for name in let_in if not (ROOT / name).exists()}


def test_every_package_of_the_project_is_in_the_image() -> None:
    """A package that pyproject names and nobody copies would be missed at the first import."""
    patterns = project()["tool"]["setuptools"]["packages"]["find"]["include"]
    for pattern in patterns:
        assert fnmatch.filter(copied(), pattern), pattern


def test_packages_come_from_the_lock_by_hash() -> None:
    """No other file than the ones that were locked is installed."""
    downloads = [line for line in DOCKERFILE.splitlines() if "pip download" in line]
    assert len(downloads) == 1
    assert {"--require-hashes", "requirements.lock"} <= set(downloads[0].split())
    installs = re.findall(r"pip (?:wheel|--python \S+ install) [^&]*", DOCKERFILE)
    assert len(installs) == 2
    for install in installs:
        assert {"--no-index", "--find-links"} <= set(install.split()), install


def test_the_final_stage_builds_nothing_and_is_not_root() -> None:
    """No compiler, no installer, no root: what gets in by a tool finds little."""
    assert not re.search(r"apt-get|gcc|pip install|pip wheel", FINAL)
    assert "pip uninstall" in FINAL
    assert re.findall(r"^USER (\S+)$", FINAL, flags=re.MULTILINE) == ["10001:10001"]


def test_it_runs_a_worker() -> None:
    """Without a word more the image is a worker; a word makes it any other command."""
    assert 'ENTRYPOINT ["proctor"]' in FINAL
    assert 'CMD ["worker"]' in FINAL
    assert project()["project"]["scripts"] == {"proctor": "proctor.command:main"}


def test_secrets_of_the_operator_stay_out_of_repository_and_image() -> None:
    """The files that hold them are ignored by git, and nothing of deploy/ enters the image."""
    ignored = (ROOT / "deploy/.gitignore").read_text(encoding="utf-8").split()
    assert ignored == [".env", "worker.env", "gateway.env"]
    assert not any(name.startswith("deploy") for name in copied())
