"""What a worker, or a command of a person, gives to MCP servers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from proctor.contracts.credentials import Credentials
from proctor.contracts.errors import InvalidInput, Refused
from proctor.contracts.tool import McpServer
from proctor.tools.sandbox.port import Sandbox

_FROM_SETTING = "env:"


@dataclass(frozen=True)
class Surroundings:
    """Where servers are started, and what may be asked for on their behalf."""

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Settings that `env:NAME` in a server's `environment` or `url` may name. A server gets no others."""
    credentials: Credentials | None = None
    root: Path | None = None
    """Folder that commands run in; None: that of this process."""
    sandbox: Sandbox | None = None
    """None: servers that are to run in one do not run."""

    def settled(self, server: McpServer) -> McpServer:
        """Fill in what is `env:NAME`. Raises `InvalidInput` for a setting that is missing."""
        environment = {name: self._setting(value) for name, value in server.environment.items()}
        return server.model_copy(update={"environment": environment, "url": self._setting(server.url)})

    def required_sandbox(self, server: McpServer) -> Sandbox:
        """Give the sandbox. Raises `Refused` where there is none."""
        if self.sandbox is None:
            raise Refused(f"{server.name} is to run in a sandbox, and there is none here")
        return self.sandbox

    def _setting(self, value: str) -> str:
        if not value.startswith(_FROM_SETTING):
            return value
        name = value.removeprefix(_FROM_SETTING)
        if not self.environment.get(name):
            raise InvalidInput(f"{name} is not set", hint=f"set {name} in the environment of the worker")
        return self.environment[name]
