import subprocess
import sys
from pathlib import Path

import pytest

from proctor.command import OUR_PACKAGES, ROOT, check_packages
from proctor.contracts.errors import ProctorError


def test_our_own_packages_pass() -> None:
    """In a sound environment the guard says nothing."""
    check_packages(ROOT)


@pytest.mark.parametrize("name", [name for name in OUR_PACKAGES if name != "proctor"])
def test_a_package_that_stands_in_for_ours_is_named(name: str, tmp_path: Path) -> None:
    """A package of the same name earlier on the path ends the command with one line that names it."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong package was imported')\n")
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; from proctor.command import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert f"`{name}` is not Proctor's: {tmp_path / name / '__init__.py'} comes first" in ended.stderr


def test_a_package_inside_the_project_folder_is_not_ours_for_that(tmp_path: Path) -> None:
    """A virtual environment inside the project does not count as the project."""
    for name in OUR_PACKAGES:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").touch()
    with pytest.raises(ProctorError, match="is not Proctor's"):
        check_packages(tmp_path)


def test_modules_of_the_project_are_found_and_stand_in_for_nothing(tmp_path: Path) -> None:
    """Wherever the command is called in a project, its root is on the path, behind everything else."""
    (tmp_path / "agents" / "one").mkdir(parents=True)
    (tmp_path / "own_tools.py").write_text("WHERE = __file__\n")
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong module was imported')\n")
    code = (
        "from pathlib import Path; from proctor.command import find_modules_of; find_modules_of(Path.cwd()); "
        "import json, own_tools; print(own_tools.WHERE)"
    )
    command = [sys.executable, "-P", "-c", code]
    ended = subprocess.run(
        command, cwd=tmp_path / "agents" / "one", capture_output=True, text=True, timeout=30, check=False
    )
    assert (f"{tmp_path / 'own_tools.py'}\n", "") == (ended.stdout, ended.stderr)
