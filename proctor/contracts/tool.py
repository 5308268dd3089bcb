"""Tool contracts, and what a call to a tool comes back with."""

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from proctor.contracts.base import Contract
from proctor.contracts.credentials import CredentialUse
from proctor.contracts.egress import EgressEntry
from proctor.contracts.http_call import HttpBody, HttpParameter
from proctor.contracts.ids import Digest, EffectKey, RunId, ToolName
from proctor.contracts.key_forms import KeyForm
from proctor.contracts.labels import Confidentiality, Labels
from proctor.contracts.sandboxing import SandboxProfile
from proctor.contracts.traffic import BreakerRule, RateLimit


class Effect(StrEnum):
    """What a call does to the world; undeclared means irreversible."""

    READ = "read"
    WRITE = "write"
    IRREVERSIBLE = "irreversible"


class Idempotency(StrEnum):
    """How a call with an unknown outcome can be settled; undeclared means none.

    `native`: the tool itself keeps to one effect per key, so the same key may be sent again.
    `read_back`: the tool named in `probe` tells whether the effect of a key happened.
    `none`: only a person can tell.
    """

    NATIVE = "native"
    READ_BACK = "read_back"
    NONE = "none"


class Risk(StrEnum):
    """Risk tier of a tool; undeclared means high."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class RetryRule(Contract):
    """How often a tool is tried again after a failure that may pass; bounded always."""

    max_attempts: int = Field(default=3, ge=1, le=20)
    initial_interval_s: float = Field(default=0.2, gt=0, le=60)
    backoff: float = Field(default=2.0, ge=1, le=10)
    max_interval_s: float = Field(default=5.0, gt=0, le=600)

    def pauses_s(self) -> list[float]:
        """List the pauses between attempts, in seconds: one fewer than attempts."""
        grown = (self.initial_interval_s * self.backoff**n for n in range(self.max_attempts - 1))
        return [min(pause, self.max_interval_s) for pause in grown]

    def bounded_s(self, pause_s: float, asked_s: float | None) -> float:
        """Give the pause before the next attempt: longer where the service asks for it, never beyond the interval."""
        return pause_s if asked_s is None else max(pause_s, min(asked_s, self.max_interval_s))


class CompensationRule(Contract):
    """The call that takes an effect back.

    `arguments` may hold `${arguments.PATH}` and `${result.PATH}` of the effect that is taken back.
    """

    tool: ToolName
    arguments: dict[str, Any] = Field(default_factory=dict)


class PythonImplementation(Contract):
    """An async or plain function `package.module:function` with typed parameters.

    A parameter named `idempotency_key` receives the effect's key and is not part of the input schema.
    """

    kind: Literal["python"] = "python"
    function: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")


class HttpImplementation(Contract):
    """An HTTP call; `{name}` in `path` and `${arguments.PATH}` elsewhere are filled from the arguments.

    `base_url` may be `env:NAME`, read by the worker at start. The effect's key travels as the
    `Idempotency-Key` header, or where the contract's `key_at` says.
    """

    kind: Literal["http"] = "http"
    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
    base_url: str
    path: str = "/"
    query: dict[str, Any] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)
    body: dict[str, Any] | Literal["arguments"] | None = None
    parameters: tuple[HttpParameter, ...] = ()
    """Arguments that travel in a style of OpenAPI; besides what the templates above fill."""
    payload: HttpBody | None = None
    """A body that is not a template: of another type than JSON, or of members whose names are not the arguments'."""
    accepts: tuple[str, ...] = ()
    """Media types that it asks for. Answers in those that are not JSON become `{"content_type", "text" | "base64"}`."""
    shows: tuple[str, ...] = ()
    """Headers of an answer that reach the agent. With any, the result is `{"body", "headers", "links"}`."""

    @model_validator(mode="after")
    def _check_body(self) -> Self:
        if self.body is not None and self.payload is not None:
            raise ValueError("an HTTP call has `body:` or `payload:`, not both")
        return self


class McpServer(Contract):
    """How to reach an MCP server: a `command` that speaks on its standard streams, or the `url` of streamable HTTP."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    command: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    """Plain settings; secrets are credentials. Nothing else of the worker's environment reaches it."""
    url: str = ""
    sandbox: SandboxProfile | None = None
    """None: the command runs with the worker's rights, which `tools add mcp` says plainly."""


class McpImplementation(Contract):
    """A tool of an MCP server. The effect's key travels in `_meta` as `proctor/idempotencyKey`."""

    kind: Literal["mcp"] = "mcp"
    server: McpServer
    tool: str
    """Its name there."""
    reviewed: Digest
    """Digest of what the server said of the tool (name, title, description, schemas, annotations) when a person
    accepted it; a server that says something else is refused."""
    errors: Literal["unknown", "failed"] = "unknown"
    """What an error of the tool itself means for an effect. The tool ran, so a part of it may have happened; `failed`
    is for whoever knows that this tool does nothing when it gives an error."""


class ProcessImplementation(Contract):
    """A command in the sandbox: the arguments are JSON on its standard input, the result JSON on its output.

    Exit status 0 is success, 75 a failure that may pass, anything else a failure. `${arguments.PATH}` in an element of
    `command` is filled with a scalar and stays one element: no shell reads it.
    """

    kind: Literal["process"] = "process"
    command: tuple[str, ...] = Field(min_length=1)


Implementation = Annotated[
    PythonImplementation | HttpImplementation | McpImplementation | ProcessImplementation, Field(discriminator="kind")
]


class Deprecation(Contract):
    """A tool that goes away. It still works; planners are not offered it where they have `use`."""

    reason: str = Field(min_length=1, max_length=500)
    use: ToolName | None = None


class Provenance(Contract):
    """Where an imported contract comes from, and what that place claims of it. Claims lower nothing by themselves."""

    kind: Literal["openapi", "mcp", "python"]
    source: str
    """File, URL or command, as it was given."""
    operation: str = ""
    digest: Digest
    """Of what the source said of this operation."""
    claims: dict[str, Any] = Field(default_factory=dict)
    accepted_by: str = ""
    """The person who took the claims for facts; empty: nobody did."""


class ArgumentRole(StrEnum):
    """What an argument steers; undeclared means target.

    `target`: where the effect goes or what it acts on (account, address, host, record). `amount`: how much.
    `content`: what is said or stored there, which may quote untrusted data. `filter`: narrows what a read gives.
    """

    TARGET = "target"
    AMOUNT = "amount"
    CONTENT = "content"
    FILTER = "filter"


class ToolContract(Contract):
    """What a tool takes, gives and does. Every default is the most dangerous value (rule 7)."""

    name: ToolName = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")
    version: str = Field(default="1", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")
    owner: str = ""
    description: str = ""
    input_schema: dict[str, Any]
    """JSON Schema 2020-12 of the arguments: an object."""
    output_schema: dict[str, Any] = Field(default_factory=dict)
    """JSON Schema 2020-12 of the result; empty accepts anything."""
    effect: Effect = Effect.IRREVERSIBLE
    idempotency: Idempotency = Idempotency.NONE
    probe: ToolName | None = None
    """For `read_back`: a read tool called with `{"idempotency_key": KEY}` that answers `{"happened": bool, …}`."""
    risk: Risk = Risk.HIGH
    compensation: CompensationRule | None = None
    argument_roles: dict[str, ArgumentRole] = Field(default_factory=dict)
    """By the top-level name of the argument."""
    action: str = ""
    """What an effect is for, one word for all tools that do the same (H6); empty: the tool's own name."""
    egress_arguments: tuple[str, ...] = ()
    """Arguments that leave for a place outside (a URL, a search on the web), of a read too."""
    confidentiality: Confidentiality = Confidentiality.INTERNAL
    """Who may see its results; they are untrusted in any case."""
    key_at: str = Field(default="", pattern=r"^$|^(header|argument|query):[A-Za-z_][A-Za-z0-9_-]{0,63}$")
    """For `native`: where the key goes, if not where its kind puts it by itself."""
    key_form: KeyForm = "plain"
    """How it is written for the service; the probe of `read_back` is asked for it in this form too."""
    timeout_s: float = Field(default=10.0, gt=0, le=3600)
    retry: RetryRule = RetryRule()
    rate_limit: RateLimit | None = None
    concurrency: int | None = Field(default=None, ge=1, le=10_000)
    """Calls under way at once, over all workers; None: no limit of its own."""
    breaker: BreakerRule = BreakerRule()
    patience_s: float = Field(default=60.0, ge=0, le=86_400)
    """How long a call waits for room (rate limit, concurrency) before it fails."""
    pool: str = Field(default="", pattern=r"^$|^[a-z][a-z0-9-]{0,31}$")
    """Class of tools that has workers of its own (a bulkhead); empty: the common one."""
    egress: tuple[EgressEntry, ...] = ()
    """Where it may connect to; an HTTP tool may reach its own base URL in any case."""
    sandbox: SandboxProfile | None = None
    """Of a Python tool that is not trusted, and of a process, which has the default one where none is given."""
    credentials: tuple[CredentialUse, ...] = ()
    deprecated: Deprecation | None = None
    provenance: Provenance | None = None
    implementation: Implementation | None = None
    """None: the contract can be read and validated, and not called."""

    @property
    def is_read(self) -> bool:
        """Whether repeating a call is harmless."""
        return self.effect is Effect.READ


class ToolInvocation(Contract):
    """One call as it goes to a tool."""

    run_id: RunId
    key: EffectKey
    arguments: dict[str, Any]


class Confirmed(Contract):
    """The call did what it says. `result` is JSON and fits the contract's output schema."""

    status: Literal["confirmed"] = "confirmed"
    result: Any = None
    labels: Labels = Labels()
    summary: str | None = Field(default=None, max_length=200)
    """One line for history; None: the beginning of the result."""
    signals: tuple[str, ...] = ()
    """What detectors found in the result, for the audit. Telemetry: nothing is decided by it."""


class Failed(Contract):
    """The call is known not to have taken effect."""

    status: Literal["failed"] = "failed"
    error: str
    retryable: bool = False
    is_read_back: bool = False
    """Whether the tool's probe said so: then no earlier attempt took effect either."""
    is_fault: bool | None = None
    """Whether the tool or its host is at fault, which breakers count; None: if it is `retryable`."""
    retry_after_s: float | None = Field(default=None, ge=0)
    """How long the service asks to wait; a hint, see `RetryRule.bounded_s`."""


class Unknown(Contract):
    """The call may or may not have taken effect: it was dispatched and no answer came."""

    status: Literal["unknown"] = "unknown"
    error: str


ToolOutcome = Annotated[Confirmed | Failed | Unknown, Field(discriminator="status")]
