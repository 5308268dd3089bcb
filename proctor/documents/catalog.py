"""The agents of this installation, read from their folders."""

import re
from pathlib import Path
from threading import Lock

from proctor.contracts.errors import InvalidDocument, InvalidInput, UnknownName
from proctor.contracts.ids import AgentName
from proctor.contracts.manifest import AgentBundle, ModelPlannerSpec
from proctor.documents.agent import MANIFEST, AgentReading, read_agent
from proctor.documents.folder import Stamp, stamp
from proctor.documents.problems import did_you_mean, raise_first
from proctor.documents.tool import SchemaSource

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_MODEL = re.compile(r"[a-z][a-z0-9_-]*:.+")


class FileAgentCatalog:
    """`AgentCatalog` over a folder: `ROOT/<agent>/{manifest.yaml, tools/, playbook.yaml, prompts/}`, and `catalog/`.

    What was read is kept until a file changes, so that loading the same agent again costs a few `stat` calls.
    """

    def __init__(self, root: Path, derive_schema: SchemaSource | None = None) -> None:
        """Take the folder of the agents; `derive_schema` reads the typed signatures of Python tools."""
        self._root, self._derive = root, derive_schema
        # One by its own planner and one by a model: requesters name models as they like, and each new name must cost
        # neither memory nor another reading.
        self._kept: dict[tuple[str, bool], tuple[tuple[Stamp, ...], AgentBundle]] = {}
        self._lock = Lock()

    def names(self) -> list[AgentName]:
        """List the agents, sorted: every folder with a manifest."""
        if not self._root.is_dir():
            return []
        found = (path.name for path in self._root.iterdir() if (path / MANIFEST).is_file())
        return sorted(AgentName(name) for name in found if _NAME.fullmatch(name))

    def load(self, name: AgentName, *, model: str | None = None) -> AgentBundle:
        """Load an agent that can run; `model` (`provider:name`) chooses its model planner.

        Raises:
            UnknownName: no such agent; says which there are.
            InvalidDocument: the first mistake in its files, or it has no owner or no planner.
            InvalidInput: `model` is not of the form `provider:name`.

        """
        if name not in self.names():
            known = self.names()
            hint = did_you_mean(name, known) or f"there are no agents in {self._root}"
            raise UnknownName(f"there is no agent {name!r}", hint=hint)
        if model is not None and not _MODEL.fullmatch(model):
            raise InvalidInput(f"{model!r} is not a model", hint="write provider:name, e.g. openai:gpt-5")
        with self._lock:
            return self._kept_bundle(name, model) or self._read(name, model)

    def _kept_bundle(self, name: str, model: str | None) -> AgentBundle | None:
        stamps, bundle = self._kept.get((name, model is not None), ((), None))
        if bundle is None or any(stamp(Path(kept[0])) != kept for kept in stamps):
            return None
        return bundle if model is None else _planned_by(bundle, model)

    def _read(self, name: str, model: str | None) -> AgentBundle:
        reading = read_agent(self._root / name, self._derive, model)
        raise_first(reading.problems)
        bundle = _runnable(reading)
        self._kept[name, model is not None] = (reading.stamps(), bundle)
        return bundle


def _planned_by(bundle: AgentBundle, model: str) -> AgentBundle:
    planner = bundle.manifest.planner
    if not isinstance(planner, ModelPlannerSpec) or planner.model == model:
        return bundle
    manifest = bundle.manifest.model_copy(update={"planner": planner.model_copy(update={"model": model})})
    return bundle.model_copy(update={"manifest": manifest})


def _runnable(reading: AgentReading) -> AgentBundle:
    assert reading.bundle is not None
    manifest, path = reading.bundle.manifest, str(reading.folder.root / MANIFEST)
    if not manifest.owner:
        hint = "add `owner:` with the name of the one person who answers for it"
        raise InvalidDocument(f"{manifest.name} has no owner, and no agent runs without one", path=path, hint=hint)
    if manifest.planner is None:
        raise InvalidDocument(f"{manifest.name} has no planner", path=path, hint="add `planner:`")
    return reading.bundle
