"""Tool contracts as documents: `tool:`, several under `tools:`, or a bare JSON Schema with a title."""

from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.credentials import CredentialUse
from proctor.contracts.egress import EgressEntry
from proctor.contracts.errors import InvalidDocument, ProctorError
from proctor.contracts.ids import ToolName
from proctor.contracts.key_forms import KeyForm
from proctor.contracts.labels import Confidentiality
from proctor.contracts.places import Place
from proctor.contracts.sandboxing import SandboxProfile
from proctor.contracts.tool import (
    ArgumentRole,
    CompensationRule,
    Deprecation,
    Effect,
    Idempotency,
    Implementation,
    Provenance,
    PythonImplementation,
    RetryRule,
    Risk,
    ToolContract,
)
from proctor.contracts.traffic import BreakerRule, RateLimit
from proctor.documents.folder import Folder
from proctor.documents.manifest import SchemaOrFile, VersionText
from proctor.documents.problems import Problem, Problems, did_you_mean, from_error, read_form
from proctor.documents.schema import check_schema, is_open, property_at
from proctor.documents.source import Source
from proctor.documents.tool_tests import ToolCase

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_NOT_OF_CONTRACT = frozenset({"input", "output", "tests"})


class SchemaSource(Protocol):
    """Derives the schemas of a Python tool from its typed signature."""

    def __call__(self, function: str, /, *, is_read: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give input and output schema of `package.module:function`. Raises `ProctorError`."""


class ToolForm(Contract):
    """What stands under `tool:`. Whatever is left out takes the most dangerous value."""

    name: ToolName = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")
    version: VersionText = Field(default="1", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")
    owner: str = ""
    description: str = ""
    input: SchemaOrFile | None = None
    output: SchemaOrFile | None = None
    effect: Effect = Effect.IRREVERSIBLE
    idempotency: Idempotency = Idempotency.NONE
    probe: ToolName | None = None
    risk: Risk = Risk.HIGH
    compensation: CompensationRule | None = None
    argument_roles: dict[str, ArgumentRole] = Field(default_factory=dict)
    action: str = Field(default="", pattern=r"^$|^[A-Za-z][A-Za-z0-9_-]{0,63}$")
    egress_arguments: tuple[str, ...] = ()
    confidentiality: Confidentiality = Confidentiality.INTERNAL
    key_at: str = Field(default="", pattern=r"^$|^(header|argument|query):[A-Za-z_][A-Za-z0-9_-]{0,63}$")
    key_form: KeyForm = "plain"
    timeout_s: float = Field(default=10.0, gt=0, le=3600)
    retry: RetryRule = RetryRule()
    rate_limit: RateLimit | None = None
    concurrency: int | None = Field(default=None, ge=1, le=10_000)
    breaker: BreakerRule = BreakerRule()
    patience_s: float = Field(default=60.0, ge=0, le=86_400)
    pool: str = Field(default="", pattern=r"^$|^[a-z][a-z0-9-]{0,31}$")
    egress: tuple[EgressEntry, ...] = ()
    sandbox: SandboxProfile | None = None
    credentials: tuple[CredentialUse, ...] = ()
    deprecated: Deprecation | None = None
    provenance: Provenance | None = None
    implementation: Implementation | None = None
    tests: tuple[ToolCase, ...] = ()
    """Cases for `proctor tools test`; no part of the contract."""


@dataclass(frozen=True)
class ToolDocument:
    """A contract, and where it was declared."""

    contract: ToolContract
    source: Source
    place: Place
    tests: tuple[ToolCase, ...] = ()


def is_bare_schema(data: Any) -> bool:
    """Whether a document is a JSON Schema and not a `tool:` form."""
    return (
        isinstance(data, dict) and not {"tool", "tools"} & data.keys() and bool({"$schema", "properties"} & data.keys())
    )


def read_tools(
    source: Source, folder: Folder | None, derive: SchemaSource | None
) -> tuple[list[ToolDocument], list[Problem]]:
    """Read every contract of a file. `folder` gives schema files, `derive` what Python signatures say."""
    problems = Problems(source)
    data = source.data
    if is_bare_schema(data):
        contract = _from_schema(data, problems)
        return ([ToolDocument(contract, source, ())] if contract else []), problems.found
    reader = _ToolReader(problems, folder, derive)
    for place, value in _entries(data, problems):
        reader.read(place, value)
    return reader.documents, problems.found


def assumptions(contract: ToolContract) -> list[str]:
    """Say what follows from what a contract leaves open."""
    notes = []
    if not contract.is_read and contract.idempotency is Idempotency.NONE:
        notes.append(f"{contract.name}: an effect with an unknown outcome goes to a person (idempotency: none)")
    if not contract.is_read and contract.compensation is None:
        notes.append(f"{contract.name}: its effects cannot be taken back (no compensation)")
    if not contract.owner:
        notes.append(f"{contract.name}: nobody owns it")
    if contract.deprecated is not None:
        notes.append(f"{contract.name}: deprecated: {contract.deprecated.reason}")
    if contract.implementation is None:
        notes.append(f"{contract.name}: no implementation: it can be read and validated, and not called")
    return notes


def _entries(data: Any, problems: Problems) -> list[tuple[Place, Any]]:
    hint = "write `tool:`, `tools:` with a list, or a JSON Schema with a title"
    if not isinstance(data, dict) or len({"tool", "tools"} & data.keys()) != 1:
        problems.add((), "not a tool contract", hint)
        return []
    for key in [one for one in data if one not in {"tool", "tools"}]:
        problems.add((key,), f"unknown key {key!r} beside `tool:`", "indent it under `tool:`")
    if "tool" in data:
        return [(("tool",), data["tool"])]
    if not isinstance(data["tools"], list) or not data["tools"]:
        problems.add(("tools",), "`tools:` must be a list of contracts", hint)
        return []
    return [(("tools", n), value) for n, value in enumerate(data["tools"])]


def _from_schema(data: dict[str, Any], problems: Problems) -> ToolContract | None:
    check_schema(data, problems, (), is_arguments=True)
    title = data.get("title")
    form = read_form(ToolForm, {"name": title, "description": str(data.get("description", ""))}, problems)
    if form is None or problems.found:
        problems.found[:] = [_about_title(problem) for problem in problems.found]
        return None
    return ToolContract(name=form.name, description=form.description, input_schema=data)


def _about_title(problem: Problem) -> Problem:
    if not problem.message.startswith("'name'"):
        return problem
    return problem.model_copy(update={"message": problem.message.replace("'name'", "'title', the tool's name,", 1)})


class _ToolReader:
    def __init__(self, problems: Problems, folder: Folder | None, derive: SchemaSource | None) -> None:
        self.problems, self._folder, self._derive = problems, folder, derive
        self.documents: list[ToolDocument] = []

    def read(self, place: Place, value: Any) -> None:
        """Read one contract; mistakes are noted."""
        before = len(self.problems.found)
        form = read_form(ToolForm, value, self.problems, place)
        if form is None:
            return
        input_schema, output_schema = self._schemas(form, place)
        if input_schema:
            check_schema(input_schema, self.problems, (*place, "input"), is_arguments=True)
        if output_schema:
            check_schema(output_schema, self.problems, (*place, "output"))
        self._check(form, place)
        self._check_arguments(form, input_schema, place)
        if len(self.problems.found) == before:
            same = {name: getattr(form, name) for name in ToolForm.model_fields if name not in _NOT_OF_CONTRACT}
            contract = ToolContract(**same, input_schema=input_schema, output_schema=output_schema)
            self.documents.append(ToolDocument(contract, self.problems.source, place, form.tests))

    def _schemas(self, form: ToolForm, place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
        before = len(self.problems.found)
        takes, gives = self._given(form.input, (*place, "input")), self._given(form.output, (*place, "output"))
        if takes is None or gives is None:
            derived = self._derived(form, place)
            takes, gives = derived[0] if takes is None else takes, derived[1] if gives is None else gives
        if not takes and len(self.problems.found) == before:
            self.problems.add(place, f"{form.name} does not say what it takes", "add `input:` with a JSON Schema")
        return takes, gives

    def _derived(self, form: ToolForm, place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
        if not isinstance(form.implementation, PythonImplementation) or self._derive is None:
            return {}, {}
        if form.sandbox is not None:
            # Deriving imports the module, which is just what nobody trusts.
            return {}, {}
        try:
            return self._derive(form.implementation.function, is_read=form.effect is Effect.READ)
        except ProctorError as error:
            self.problems.add((*place, "implementation", "function"), error.message, error.hint)
            return {}, {}

    def _given(self, schema: SchemaOrFile | None, place: Place) -> dict[str, Any] | None:
        if not isinstance(schema, str):
            return schema
        return load_schema(schema, place, self.problems, self._folder)

    def _check(self, form: ToolForm, place: Place) -> None:
        if form.idempotency is Idempotency.READ_BACK and form.probe is None:
            hint = "add `probe:` with the read tool that answers `happened`"
            self.problems.add((*place, "idempotency"), f"{form.name} is read_back and names no probe", hint)
        if form.probe is not None and form.idempotency is not Idempotency.READ_BACK:
            hint = "write `idempotency: read_back`, or remove the probe"
            self.problems.add((*place, "probe"), f"{form.name} names a probe that nothing would ask", hint)
        if form.effect is Effect.READ and form.compensation is not None:
            hint = "remove the compensation, or declare the effect"
            self.problems.add((*place, "compensation"), f"{form.name} only reads, so nothing can be taken back", hint)

    def _check_arguments(self, form: ToolForm, schema: dict[str, Any], place: Place) -> None:
        known = sorted(schema.get("properties", {}))
        named: list[tuple[Place, str]] = [(("argument_roles", name), name) for name in form.argument_roles]
        named += [(("egress_arguments", n), name) for n, name in enumerate(form.egress_arguments)]
        for where, name in named:
            if property_at(schema, [name]) is None and (known or not is_open(schema)):
                hint = did_you_mean(name, known) or "declare it in `input:`"
                self.problems.add((*place, *where), f"{form.name} has no argument {name!r}", hint)
        for n, name in enumerate(form.egress_arguments):
            if name in form.egress_arguments[:n]:
                self.problems.add((*place, "egress_arguments", n), f"names {name!r} twice", "remove one")


def load_schema(name: str, place: Place, problems: Problems, folder: Folder | None) -> dict[str, Any]:
    """Read a schema from a file of the folder; what is wrong is noted where it was named."""
    if folder is None:
        problems.add(place, f"the schema file {name} cannot be read here", "write the schema inline")
        return {}
    try:
        data = folder.source(name, named_by=problems.source).data
    except InvalidDocument as error:
        problems.found.append(from_error(error))
        return {}
    if isinstance(data, dict):
        return data
    problems.add(place, f"{name} does not hold a JSON Schema", "a schema is an object")
    return {}
