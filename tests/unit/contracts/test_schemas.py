import subprocess
import sys
from pathlib import Path

FIRST_CALLED_BARE = """
from proctor.contracts.schemas import fits
names = {"__builtins__": {}, "test": fits({"properties": {"a": {"type": "number"}}}), "value": {"a": 40}}
exec("found = test(value)", names)
print(names["found"], names["test"]({"a": "40"}))
"""


def test_schemas_are_applied_rightly_when_code_without_builtins_is_the_first_to_ask() -> None:
    """A policy's generated code has no builtins, and is what asks first in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_CALLED_BARE],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "True False\n" == done.stdout
