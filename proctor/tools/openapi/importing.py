"""From an OpenAPI document to tool contracts, and to the report of what they do not hold."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from proctor.contracts.base import Contract
from proctor.contracts.canonical import canonical_json, summarize
from proctor.contracts.errors import InvalidInput
from proctor.contracts.globs import glob_matches
from proctor.contracts.http_call import HttpBody
from proctor.contracts.ids import ToolName
from proctor.contracts.schemas import checker
from proctor.contracts.tool import Deprecation, HttpImplementation, Provenance, ToolContract
from proctor.tools.openapi.answers import take_answers
from proctor.tools.openapi.arguments import Arguments
from proctor.tools.openapi.bodies import take_body
from proctor.tools.openapi.document import Document
from proctor.tools.openapi.keywords import bounded_text, is_json
from proctor.tools.openapi.naming import tool_names
from proctor.tools.openapi.notes import Note, Notes, OperationLeftOut
from proctor.tools.openapi.operations import Operation, OperationDigests, operations_of
from proctor.tools.openapi.parameters import Taken, take_parameters
from proctor.tools.openapi.references import References
from proctor.tools.openapi.schemas import SchemaTranslator
from proctor.tools.openapi.security import take_security
from proctor.tools.openapi.servers import base_url

MAX_DESCRIPTION: Final = 1000
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that ask for nothing to change (RFC 9110, section 9.2.1): a claim of the service, not a fact."""
_IN_PATH = re.compile(r"\{([^{}]*)\}")
_LITERAL = "/:@!$&'()*+,;=-._~%"


class Asked(Contract):
    """How a document is to be imported."""

    source: str
    """Name of the folder in the catalog; the tools' names begin with it."""
    shown: str
    """File or URL, as it was given."""
    document_url: str = ""
    """Where it was fetched from; relative servers are meant from there. Empty for a file."""
    base_url: str = ""
    """`https://…` or `env:NAME`; takes the place of the document's servers."""
    only: tuple[str, ...] = ()
    """Globs over a tool's name, the operation's id, or `METHOD /path`. Empty: every operation."""


@dataclass(frozen=True)
class OpenApiImport:
    """What an import came to."""

    title: str
    contracts: tuple[ToolContract, ...]
    notes: tuple[Note, ...]
    operations: int
    """How many the document has."""
    chosen: int
    """How many `only` chose: each is a contract, or left out with a note."""


def import_openapi(document: Document, asked: Asked) -> OpenApiImport:
    """Make a contract of every operation that was asked for.

    Nothing is accepted: every contract has the most dangerous values, and claims beside them. Raises `InvalidInput`
    where the document has no operation that was asked for.
    """
    references = References(document.data)
    importing = _Importing(document, references, asked)
    every: list[Notes] = []
    operations = operations_of(references, every)
    names = tool_names(asked.source, [(one.method, one.path, one.operation_id) for one in operations])
    chosen = [(name, one) for name, one in zip(names, operations, strict=True) if _is_asked(asked.only, name, one)]
    if not chosen:
        raise _nothing_chosen(asked, names, operations)
    contracts = []
    for name, operation in chosen:
        notes = Notes(operation.label)
        every.append(notes)
        try:
            contracts.append(importing.contract(name, operation, notes))
        except OperationLeftOut as error:
            notes.add("left_out", "the whole operation", str(error))
    every.append(importing.counted())
    notes_found = tuple(note for notes in every for note in notes.found)
    return OpenApiImport(document.title, tuple(contracts), notes_found, len(operations), len(chosen))


def _nothing_chosen(asked: Asked, names: Sequence[str], operations: Sequence[Operation]) -> InvalidInput:
    if not operations:
        return InvalidInput(f"nothing to import from {asked.shown}: it has no operations")
    first = operations[0]
    called = " or ".join(f"`{name}`" for name in (names[0], first.operation_id, first.label) if name)
    return InvalidInput(
        f"nothing to import from {asked.shown}: none of its {len(operations)} operations matches --only",
        hint=f"globs match the whole of a name, letter for letter; the first is {summarize(called, 300)}",
    )


def _is_asked(only: tuple[str, ...], name: str, operation: Operation) -> bool:
    texts = (name, operation.operation_id, operation.label)
    return not only or any(glob_matches(glob, text) for glob in only for text in texts)


@dataclass
class _Importing:
    document: Document
    references: References
    asked: Asked
    translator: SchemaTranslator = field(init=False)
    digests: OperationDigests = field(init=False)

    def __post_init__(self) -> None:
        self.translator = SchemaTranslator(self.references, is_30=self.document.is_30)
        self.digests = OperationDigests(self.references)

    def contract(self, name: str, operation: Operation, notes: Notes) -> ToolContract:
        """Make the contract of one operation. Raises `OperationLeftOut`."""
        said, root = operation.said, self.document.data
        security = said["security"] if "security" in said else root.get("security")
        credentials = take_security(self.asked.source, security, self.references, notes)
        arguments = Arguments(self.translator, notes)
        places = frozenset(use.at.lower() for use in credentials)
        taken = take_parameters(operation.parameters, self.references, arguments, places)
        path = _path(operation, taken, arguments)
        levels = [root.get("servers"), operation.shared.get("servers"), said.get("servers")]
        base = base_url(levels, self.asked.document_url, self.asked.base_url, notes)
        body = self._body(operation, arguments)
        has_body = operation.method != "HEAD"
        answers = take_answers(said.get("responses"), self.references, self.translator, notes, has_body=has_body)
        implementation = HttpImplementation.model_validate(
            {
                "method": operation.method,
                "base_url": base,
                "path": path,
                "query": _fixed_query(operation),
                "parameters": taken.parameters,
                "payload": body,
                "accepts": answers.accepts,
                "shows": answers.shows,
            }
        )
        if said.get("callbacks"):
            notes.add("left_out", "callbacks", "they are calls from the service, not to it")
        contract = ToolContract(
            name=ToolName(name),
            description=_description(operation),
            input_schema=arguments.schema(),
            output_schema=answers.schema,
            key_at=taken.key_at if taken.key_at.lower() != "header:idempotency-key" else "",
            key_form=taken.key_form,
            credentials=credentials,
            deprecated=Deprecation(reason="its document marks it deprecated")
            if said.get("deprecated") is True
            else None,
            provenance=self._provenance(operation, taken),
            implementation=implementation,
        )
        return _checked(contract, notes)

    def counted(self) -> Notes:
        """Note what was left out of descriptions and the like, over the whole document."""
        notes = Notes()
        for what, count in sorted(self.translator.counts.items()):
            if count:
                notes.add("left_out", f"{count} times", what)
        return notes

    def _body(self, operation: Operation, arguments: Arguments) -> HttpBody | None:
        declared = operation.said.get("requestBody")
        if declared is not None and operation.method in {"GET", "HEAD"}:
            said = self.references.resolve(declared, "the request body")
            if said.get("required") is not True:
                arguments.notes.add("left_out", "request body", f"{operation.method} has no body that means anything")
                return None
        return take_body(declared, self.references, arguments)

    def _provenance(self, operation: Operation, taken: Taken) -> Provenance:
        claims: dict[str, Any] = {"method": operation.method}
        if operation.method in SAFE_METHODS:
            claims.update(effect="read", risk="low")
        elif taken.key_at:
            claims.update(idempotency="native", key_at=taken.key_at)
            claims.update({"key_form": taken.key_form} if taken.key_form != "plain" else {})
        return Provenance(
            kind="openapi",
            source=self.asked.shown,
            operation=operation.label,
            digest=self.digests.digest(operation),
            claims=claims,
        )


def _path(operation: Operation, taken: Taken, arguments: Arguments) -> str:
    """Write the path's template with the names of arguments; what it names and nobody declares is text."""
    path = operation.path.partition("?")[0]
    if "#" in path or not path.startswith("/"):
        raise OperationLeftOut("its path holds a fragment, or does not begin with /")
    if not is_json(path):
        raise OperationLeftOut("its path holds half of a surrogate pair")
    if any(part in {".", ".."} for part in path.split("/")):
        raise OperationLeftOut("its path holds . or .. as a segment")
    names = _IN_PATH.findall(path)
    for name in names:
        if name not in taken.path_names:
            arguments.notes.add("assumed", f"path parameter {name}", "nothing declares it: text is taken")
            taken.path_names[name] = arguments.add(name, "path", {"type": "string"}, required=True)
    _leave_out_unnamed(names, taken, arguments)
    if any(one.get("x-multi-segment") is True for one in operation.parameters if isinstance(one, dict)):
        reason = "a value with slashes is sent percent-encoded, as one segment"
        arguments.notes.add("weakened", "path parameter of several segments", reason)
    pieces = _IN_PATH.split(path)
    literals = [quote(piece, safe=_LITERAL) for piece in pieces[::2]]
    filled = [f"{{{taken.path_names[name]}}}" for name in pieces[1::2]]
    return "".join(part for pair in zip(literals, [*filled, ""], strict=True) for part in pair)


def _fixed_query(operation: Operation) -> dict[str, Any]:
    """Give the query that stands in the path itself, as some documents have it to tell operations apart."""
    text = operation.path.partition("?")[2]
    pairs = parse_qsl(text, keep_blank_values=True)
    if "#" in text or "{" in text or len({name for name, _ in pairs}) != len(pairs):
        raise OperationLeftOut("the query in its path cannot be written as it is")
    return dict(pairs)


def _leave_out_unnamed(names: list[str], taken: Taken, arguments: Arguments) -> None:
    for name in [one for one in taken.path_names if one not in names]:
        argument = taken.path_names.pop(name)
        arguments.notes.add("left_out", f"path parameter {name}", "the path does not name it")
        taken.parameters[:] = [one for one in taken.parameters if one.argument != argument]
        del arguments.properties[argument]
        arguments.required.remove(argument)


def _description(operation: Operation) -> str:
    summary = str(operation.said.get("summary") or operation.shared.get("summary") or "").strip()
    text = str(operation.said.get("description") or operation.shared.get("description") or "").strip()
    joined = text if text.startswith(summary) else f"{summary.rstrip('.')}. {text}".strip()
    return bounded_text(joined or operation.label, MAX_DESCRIPTION)


def _checked(contract: ToolContract, notes: Notes) -> ToolContract:
    """Compile both schemas, which checks them against the meta-schema too; see that the contract can be digested."""
    problem = _problem(contract.input_schema)
    if problem is not None:
        raise OperationLeftOut(f"the schema of its arguments cannot be used: {problem}")
    problem = _problem(contract.output_schema)
    if problem is not None:
        notes.add("weakened", "responses", f"the schema of its answers cannot be used: {problem}")
        contract = contract.model_copy(update={"output_schema": {}})
    try:
        canonical_json(contract.model_dump(mode="json"))
    except InvalidInput as error:
        raise OperationLeftOut(f"it cannot be digested: {error.message}") from error
    return contract


def _problem(schema: dict[str, Any]) -> str | None:
    try:
        checker(schema)
    except ValueError as error:
        return bounded_text(error, 200)
    return None
