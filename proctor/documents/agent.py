"""An agent's folder: manifest, tools, policy, playbook and prompts, read together."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proctor.contracts.errors import InvalidDocument
from proctor.contracts.manifest import AgentBundle, ModelPlannerSpec, PlannerSpec, PlaybookPlannerSpec
from proctor.contracts.places import Place
from proctor.contracts.playbook_check import playbook_problems
from proctor.contracts.policy import PolicyDocument
from proctor.documents.agreement import disagreements, needed_tools
from proctor.documents.folder import Folder, Stamp
from proctor.documents.manifest import AgentForm, ModelForm, PlaybookForm, read_manifest, to_manifest
from proctor.documents.policy import POLICY, read_policy, review
from proctor.documents.problems import Problem, Problems, from_error
from proctor.documents.resolution import Tools, resolve
from proctor.documents.schema import check_schema
from proctor.documents.source import Source
from proctor.documents.tool import SUFFIXES, SchemaSource, load_schema, read_tools
from proctor.documents.tool_catalog import ToolCatalog, catalog_beside
from proctor.documents.tool_tests import is_tests_file

MANIFEST = "manifest.yaml"


@dataclass
class AgentReading:
    """What one reading of an agent's folder found."""

    folder: Folder
    form: AgentForm | None = None
    bundle: AgentBundle | None = None
    """Present when there are no problems."""
    policy: Source | None = None
    """The policy document, where there is one that could be parsed."""
    tools: Tools = field(default_factory=dict)
    """Contracts with their places: its own, used or not, and those of the catalog that it uses."""
    catalog: ToolCatalog | None = None
    """The shared tools beside the agents."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    """What does not keep the agent from running, and is hardly meant."""

    def stamps(self) -> tuple[Stamp, ...]:
        """Describe everything that was read."""
        return (*self.folder.stamps(), *(self.catalog.stamps() if self.catalog is not None else ()))


def read_agent(root: Path, derive: SchemaSource | None, model: str | None = None) -> AgentReading:
    """Read an agent's folder and collect everything that is wrong in it; `model` chooses the model planner."""
    reading = AgentReading(Folder(root))
    try:
        source = reading.folder.source(MANIFEST)
    except InvalidDocument as error:
        reading.problems.append(from_error(error))
        return reading
    reading.form, problems = read_manifest(source)
    reading.problems += problems
    tools = _read_all_tools(reading, derive)
    policy = _read_policy(reading)
    reading.catalog = ToolCatalog(catalog_beside(root / os.pardir), derive)
    _read_rest(reading, source, tools, policy, model)
    return reading


def _read_policy(reading: AgentReading) -> PolicyDocument | None:
    if not reading.folder.has(POLICY):
        return None
    try:
        reading.policy = reading.folder.source(POLICY)
    except InvalidDocument as error:
        reading.problems.append(from_error(error))
        return None
    document, problems = read_policy(reading.policy)
    reading.problems += problems
    return document


def _read_rest(
    reading: AgentReading, source: Source, tools: Tools, policy: PolicyDocument | None, model: str | None
) -> None:
    form = reading.form
    if form is None or reading.catalog is None:
        return
    resolved = resolve(source, form, tools, reading.catalog)
    tools = reading.tools = resolved.tools
    reading.problems += resolved.problems
    problems = Problems(source)
    if form.name != reading.folder.root.resolve().name:
        message = f"the agent is named {form.name}, and its folder {reading.folder.root.resolve().name}"
        problems.add(("agent", "name"), message, "give both the same name")
    planner = _planner(form, model, reading.folder, problems)
    schemas = {name: _schema(form, name, reading.folder, problems) for name in ("input_schema", "output_schema")}
    reading.problems += problems.found + disagreements(source, form, resolved)
    if not reading.problems:
        manifest = to_manifest(form, planner, schemas)
        bundle = AgentBundle(manifest=manifest, policy=policy, tools=tuple(needed_tools(form, tools)))
        if reading.policy is not None:
            reading.problems, reading.warnings = review(reading.policy, bundle)
        reading.warnings = [*resolved.warnings, *reading.warnings]
        reading.bundle = bundle if not reading.problems else None


def _read_all_tools(reading: AgentReading, derive: SchemaSource | None) -> Tools:
    tools: Tools = {}
    for name in reading.folder.list("tools", SUFFIXES):
        if is_tests_file(name):
            continue
        try:
            source = reading.folder.source(name)
        except InvalidDocument as error:
            reading.problems.append(from_error(error))
            continue
        documents, problems = read_tools(source, reading.folder, derive)
        reading.problems += problems
        for document in documents:
            first = tools.setdefault(document.contract.name, document)
            if first is not document:
                twice = Problems(source)
                message = f"{document.contract.name} has a contract already, in {first.source.path}"
                twice.add(document.place, message, "remove one")
                reading.problems += twice.found
    return tools


def _schema(form: AgentForm, name: str, folder: Folder, problems: Problems) -> dict[str, Any]:
    place = ("agent", name)
    given = getattr(form, name)
    schema = load_schema(given, place, problems, folder) if isinstance(given, str) else dict(given)
    check_schema(schema, problems, place)
    return schema


def _planner(form: AgentForm, model: str | None, folder: Folder, problems: Problems) -> PlannerSpec | None:
    _check_alternative(form, folder, problems)
    if model is not None:
        return _chosen_model(form, model, folder, problems)
    if isinstance(form.planner, PlaybookForm):
        return _playbook(form.planner, folder, problems)
    if isinstance(form.planner, ModelForm):
        return _model(form.planner, form.planner.model, "planner", folder, problems)
    return None


def _check_alternative(form: AgentForm, folder: Folder, problems: Problems) -> None:
    if form.model_planner is not None and form.model_planner.instructions_file is not None:
        _instructions(form.model_planner.instructions_file, "model_planner", folder, problems)


def _chosen_model(form: AgentForm, model: str, folder: Folder, problems: Problems) -> PlannerSpec | None:
    key = "model_planner" if form.model_planner is not None else "planner"
    settings = form.model_planner or form.planner
    if not isinstance(settings, ModelForm):
        hint = "add `model_planner:` with `instructions_file:`, or leave --model out"
        problems.add(("agent",), f"{form.name} has no model planner", hint)
        return None
    return _model(settings, model, key, folder, problems)


def _playbook(form: PlaybookForm, folder: Folder, problems: Problems) -> PlannerSpec | None:
    try:
        source = folder.source(form.file, named_by=problems.source)
    except InvalidDocument as error:
        problems.add(("agent", "planner", "file"), f"the playbook {error}", error.hint)
        return None
    found = check_playbook(source)
    problems.found += found
    return None if found else PlaybookPlannerSpec(playbook=source.data)


def check_playbook(source: Source) -> list[Problem]:
    """List the mistakes of a playbook with their lines."""
    problems = Problems(source)
    if not isinstance(source.data, dict):
        problems.add((), "a playbook is a mapping with `steps:`", "see docs/reference/playbook.md")
        return problems.found
    for found in playbook_problems(source.data):
        problems.add(found.where, found.message, "see docs/reference/playbook.md")
    return problems.found


def _model(form: ModelForm, model: str, key: str, folder: Folder, problems: Problems) -> PlannerSpec | None:
    text = form.instructions
    if form.instructions_file is not None:
        text = _instructions(form.instructions_file, key, folder, problems)
    if text is None:
        return None
    settings = form.model_dump(exclude={"kind", "model", "instructions", "instructions_file"})
    return ModelPlannerSpec(**settings, model=model, instructions=text)


def _instructions(name: str, key: str, folder: Folder, problems: Problems) -> str | None:
    place: Place = ("agent", key, "instructions_file")
    try:
        text = folder.text(name, named_by=problems.source)
    except InvalidDocument as error:
        problems.add(place, f"the instructions {error}", error.hint)
        return None
    if not text.strip():
        problems.add(place, f"the instructions in {name} are empty", "write what the agent is for")
        return None
    return text
