"""What the environment says. Read once, in entry points only; agent behaviour is manifest, not environment.

Standard names come first: `TEMPORAL_*` (through Temporal's own envconfig: address, namespace, TLS, API key, profile
file), `DATABASE_URL` or `PG*`, `OTEL_*`. Ours begin with `PROCTOR_`; docs/reference/settings.md lists them.
"""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.contracts.wire import DEFAULT_TASK_QUEUE
from proctor.devstate import running_stack
from proctor.pools import read_pools, read_weights
from proctor.project_folder import project_root

DEFAULT_HEALTH_PORT = 9464
DEFAULT_DRAIN_S = 20.0
ENVIRONMENTS = ("production", "staging", "development")
LOG_LEVELS = ("debug", "info", "warning", "error")
TEMPORAL_NAMES = ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE")
POSTGRES_NAMES = ("PGHOST", "PGDATABASE")


@dataclass(frozen=True)
class TemporalEndpoint:
    """Where Temporal is."""

    address: str
    namespace: str
    ui_url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """TLS, API key and gRPC metadata, as `Client.connect` takes them."""


@dataclass(frozen=True)
class Endpoints:
    """What a process connects to."""

    temporal: TemporalEndpoint
    database_url: str = field(repr=False)
    source: str = "environment"
    """`environment`, or `dev` for the stack of a running `proctor dev`."""


@dataclass(frozen=True)
class Settings:
    """The settings of one process. Secrets are not part of its repr."""

    root: Path
    """The project: the nearest folder from the working directory upwards that holds `agents/`, else that directory."""
    home: Path
    """State folder of the embedded stack."""
    agents: Path
    credentials: Path | None = None
    """The worker's credentials file; None: the project's `credentials.yaml`, where there is one."""
    task_queue: str = DEFAULT_TASK_QUEUE
    health_host: str = "127.0.0.1"
    health_port: int = DEFAULT_HEALTH_PORT
    """0 takes a free port."""
    drain_s: float = DEFAULT_DRAIN_S
    """How long a worker lets running activities finish after SIGTERM."""
    log_level: str = "info"
    otlp_endpoint: str | None = None
    principal: str = ""
    """Who acts at this command line; the name of the OS user unless said otherwise."""
    token: str | None = field(default=None, repr=False)
    configured: Endpoints | None = field(default=None, repr=False)
    """Endpoints that the environment names."""
    pools: Mapping[str, int | None] = field(default_factory=lambda: read_pools(""))
    """Which pools of tools a worker serves, with how many calls of each at once: see `proctor.pools`."""
    tenant_weights: Mapping[str, float] = field(default_factory=dict)
    """Shares of a backlog that tenants have, where it is not one."""
    declared_environment: str = ""
    """What the environment says that it is; empty when it says nothing."""

    @property
    def environment(self) -> str:
        """Where this is: a fact for policy, and what decides whether a loosening waits for two people.

        Said by PROCTOR_ENVIRONMENT; otherwise `development` on the stack of a `proctor dev`, and `production`
        everywhere else, so that forgetting to say it never loosens anything.
        """
        if self.declared_environment:
            return self.declared_environment
        is_dev = self.configured is None or self.configured.source == "dev"
        return "development" if is_dev and running_stack(self.home) is not None else "production"

    @classmethod
    def load(cls, environ: Mapping[str, str], cwd: Path) -> "Settings":
        """Read the environment.

        Raises:
            InvalidInput: a value cannot be used; the message names the variable.

        """
        root = project_root(cwd)
        return cls(
            root=root,
            home=cwd / environ["PROCTOR_HOME"] if environ.get("PROCTOR_HOME") else root / ".proctor",
            agents=cwd / environ["PROCTOR_AGENTS"] if environ.get("PROCTOR_AGENTS") else root / "agents",
            credentials=cwd / environ["PROCTOR_CREDENTIALS"] if environ.get("PROCTOR_CREDENTIALS") else None,
            task_queue=environ.get("PROCTOR_TASK_QUEUE") or DEFAULT_TASK_QUEUE,
            health_host=environ.get("PROCTOR_HEALTH_HOST") or "127.0.0.1",
            health_port=_port(environ, "PROCTOR_HEALTH_PORT", DEFAULT_HEALTH_PORT),
            drain_s=_seconds(environ, "PROCTOR_DRAIN_S", DEFAULT_DRAIN_S),
            log_level=_log_level(environ),
            otlp_endpoint=environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
            or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
            or None,
            principal=environ.get("PROCTOR_PRINCIPAL") or _os_user(),
            token=environ.get("PROCTOR_TOKEN") or None,
            configured=_configured(environ),
            pools=read_pools(environ.get("PROCTOR_POOLS", "")),
            tenant_weights=read_weights(environ.get("PROCTOR_TENANT_WEIGHTS", "")),
            declared_environment=_environment(environ),
        )

    def endpoints(self) -> Endpoints:
        """Say what to connect to: what the environment names, else the running `proctor dev` of this state folder.

        Raises:
            Unavailable: there is neither.

        """
        if self.configured is not None:
            return self.configured
        stack = running_stack(self.home)
        if stack is None:
            raise Unavailable(
                "nothing to connect to", hint="start `proctor dev`, or set TEMPORAL_ADDRESS and DATABASE_URL"
            )
        temporal = TemporalEndpoint(stack.temporal_address, stack.temporal_namespace, stack.temporal_ui_url)
        return Endpoints(temporal, stack.database_url, source="dev")


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) > 65535:  # noqa: PLR2004 - the largest TCP port
        raise InvalidInput(f"{name} is not a port: {text!r}", hint="use a number from 0 (any free port) to 65535")
    return int(text)


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:  # noqa: PLR2004 - an hour; refuses nan and inf too
        raise InvalidInput(f"{name} is not a duration: {text!r}", hint="use seconds, from 0 to 3600")
    return value


def _log_level(environ: Mapping[str, str]) -> str:
    level = (environ.get("PROCTOR_LOG_LEVEL") or "info").lower()
    if level not in LOG_LEVELS:
        raise InvalidInput(f"PROCTOR_LOG_LEVEL is unknown: {level!r}", hint=f"use one of {', '.join(LOG_LEVELS)}")
    return level


def _environment(environ: Mapping[str, str]) -> str:
    name = environ.get("PROCTOR_ENVIRONMENT") or ""
    if name and name not in ENVIRONMENTS:
        raise InvalidInput(f"PROCTOR_ENVIRONMENT is unknown: {name!r}", hint=f"use one of {', '.join(ENVIRONMENTS)}")
    return name


def _configured(environ: Mapping[str, str]) -> Endpoints | None:
    database_url = _database_url(environ)
    names_temporal = [name for name in TEMPORAL_NAMES if environ.get(name)]
    if database_url is None and not names_temporal:
        return None
    if database_url is None:
        raise InvalidInput(
            f"{names_temporal[0]} is set, and no database is",
            hint="set DATABASE_URL (or PGHOST, PGDATABASE, …) too, or neither to use `proctor dev`",
        )
    return Endpoints(_temporal(environ), database_url)


def _temporal(environ: Mapping[str, str]) -> TemporalEndpoint:
    from temporalio.envconfig import ClientConfigProfile

    try:
        profile = ClientConfigProfile.load(override_env_vars=dict(environ))
        options = dict(profile.to_client_connect_config())
    except (RuntimeError, ValueError, OSError) as error:
        raise InvalidInput(f"the TEMPORAL_* settings cannot be used: {error}", hint="see TEMPORAL_PROFILE") from error
    address = options.pop("target_host", None)
    if not isinstance(address, str):
        raise InvalidInput("a database is set, and TEMPORAL_ADDRESS is not", hint="set TEMPORAL_ADDRESS to HOST:PORT")
    _check_address(address)
    return TemporalEndpoint(address, str(options.pop("namespace", "default")), options=options)


def _check_address(address: str) -> None:
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit() or not 0 < int(port) <= 65535:  # noqa: PLR2004 - TCP
        raise InvalidInput(f"TEMPORAL_ADDRESS is not an address: {address!r}", hint="use HOST:PORT without a scheme")


def _database_url(environ: Mapping[str, str]) -> str | None:
    url = environ.get("DATABASE_URL")
    if not url:
        return _url_from_pg(environ) if any(environ.get(name) for name in POSTGRES_NAMES) else None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"postgres", "postgresql"} and parts.port != 0 and len(parts.path) > 1
    except ValueError:
        usable = False
    if not usable:  # The value is not shown: it may hold a password.
        raise InvalidInput("DATABASE_URL is not a Postgres URL", hint="use postgresql://USER:PASSWORD@HOST:PORT/NAME")
    return url


def _url_from_pg(environ: Mapping[str, str]) -> str:
    if environ.get("PGPORT"):
        _port(environ, "PGPORT", 5432)
    user = environ.get("PGUSER") or _os_user()
    query = {
        "host": environ.get("PGHOST"),
        "port": environ.get("PGPORT"),
        "user": user,
        "password": environ.get("PGPASSWORD"),
        "sslmode": environ.get("PGSSLMODE"),
        "sslrootcert": environ.get("PGSSLROOTCERT"),
        "sslcert": environ.get("PGSSLCERT"),
        "sslkey": environ.get("PGSSLKEY"),
    }
    given = urlencode({name: value for name, value in query.items() if value}, quote_via=quote)
    return f"postgresql:///{quote(environ.get('PGDATABASE') or user, safe='')}?{given}"
