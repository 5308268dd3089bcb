"""docker-compose.yml and its files, as the tests look at them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
SECRET = "given-by-the-operator"

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<kind>:[-?])(?P<rest>[^}]*)\}")


@dataclass(frozen=True)
class Variable:
    """A `${…}` of the composition."""

    name: str
    is_required: bool
    default: str


@cache
def load(name: str) -> Any:
    """Read a YAML file of the project."""
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def services() -> dict[str, dict[str, Any]]:
    """Give the services by name."""
    found: dict[str, dict[str, Any]] = load("docker-compose.yml")["services"]
    return found


def long_running() -> dict[str, dict[str, Any]]:
    """Give the services that are meant to run until they are told to stop."""
    return {name: service for name, service in services().items() if service["restart"] == "unless-stopped"}


def variables(text: str) -> Iterator[Variable]:
    """Give the variables in a text."""
    for match in _VARIABLE.finditer(text):
        required = match["kind"] == ":?"
        yield Variable(match["name"], required, "" if required else match["rest"])


def filled(text: str) -> str:
    """Fill in what `docker compose` would: defaults, and an operator's value where there is none."""
    return _VARIABLE.sub(lambda match: SECRET if match["kind"] == ":?" else match["rest"], text)


def environment(service: str) -> dict[str, str]:
    """Give the environment of a service with all variables filled in."""
    return {name: filled(value) for name, value in services()[service].get("environment", {}).items()}


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Give where the named volumes of a service are mounted."""
    return dict(entry.split(":")[:2] for entry in service.get("volumes", []))


def seconds(text: str) -> int:
    """Read a duration of whole seconds."""
    assert text.endswith("s")
    return int(text.removesuffix("s"))
