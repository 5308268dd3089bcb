"""docs/how-to/write-a-tool.md works as it is written."""

import re
import subprocess
import sys
from pathlib import Path

from demo.process import ROOT

PAGE = ROOT / "docs" / "how-to" / "write-a-tool.md"
FILE = re.compile(r"File `([^`]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"```sh\n(.*?)```", re.DOTALL)
SEEN = re.compile(r"```text\n(.*?)```", re.DOTALL)


def test_page_about_tools_runs_as_written(tmp_path: Path) -> None:
    """A newcomer who types what the page says sees what the page shows."""
    page = PAGE.read_text()
    for name, content in FILE.findall(page):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    seen = ""
    for command in COMMAND.findall(page):
        ended = subprocess.run(["sh", "-ec", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        seen = ended.stdout
    (promised,) = SEEN.findall(page)
    assert seen == promised
