"""New arguments for a call, from a file or from the person's editor."""

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.cli.reading import name_of, parse_json, read_json
from proctor.contracts.errors import InvalidInput
from proctor.contracts.human import HumanRequest


def edited_arguments(request: HumanRequest, source: str | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """Read all arguments anew: from `source`, or from an editor that shows the present ones. Raises `InvalidInput`."""
    if source is not None:
        return _object(read_json(source), name_of(source))
    return _object(_from_editor(request.details.get("arguments", {}), environ), "what you wrote")


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{name} is not a JSON object", hint="give all arguments of the call, by name")
    return value


def _from_editor(arguments: Any, environ: Mapping[str, str]) -> Any:
    command = environ.get("VISUAL") or environ.get("EDITOR")
    if not command:
        raise InvalidInput("neither VISUAL nor EDITOR is set", hint="set one, or use --arguments FILE")
    descriptor, path = tempfile.mkstemp(suffix=".json", prefix="proctor-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(arguments, file, indent=2, ensure_ascii=True)
        ended = subprocess.run([*shlex.split(command), path], check=False, env=dict(environ))  # noqa: S603 - their own
        if ended.returncode != 0:
            raise InvalidInput(f"the editor ended with {ended.returncode}", hint="nothing was changed")
        return parse_json(Path(path).read_text(encoding="utf-8"), "what you wrote")
    except OSError as error:
        raise InvalidInput(f"the editor {command!r} cannot be used: {error.strerror}", hint="set EDITOR") from error
    finally:
        Path(path).unlink(missing_ok=True)
