"""Which contract each name of a manifest means: the agent's own, else one version of the catalog's."""

from dataclasses import dataclass, field

from proctor.contracts.ids import ToolName
from proctor.contracts.places import Place
from proctor.contracts.tool import ToolContract
from proctor.documents.manifest import AgentForm
from proctor.documents.problems import Problem, Problems, did_you_mean
from proctor.documents.source import Source
from proctor.documents.tool import ToolDocument
from proctor.documents.tool_catalog import ToolCatalog

Tools = dict[ToolName, ToolDocument]


@dataclass
class Resolution:
    """The contracts that an agent's names mean, and what is wrong with them."""

    tools: Tools
    """Its own, used or not, and those of the catalog that it uses."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    told: set[ToolName] = field(default_factory=set)
    """Names whose absence was explained already."""
    known: tuple[ToolName, ...] = ()
    """All names that could have been meant."""


def resolve(source: Source, form: AgentForm, own: Tools, catalog: ToolCatalog) -> Resolution:
    """Look every name up that the manifest allows, with the probes and compensations behind it."""
    resolver = _Resolver(form, own, catalog, Problems(source))
    for n, name in enumerate(form.allowed_tools):
        resolver.find(name, resolver.manifest, ("agent", "allowed_tools", n), in_catalog=False)
    resolver.follow()
    resolver.check_versions()
    found = resolver.resolution
    found.problems = [*catalog.problems, *found.problems, *resolver.manifest.found]
    found.known = tuple(sorted({*found.tools, *(tool.name for tool in catalog.locked)}))
    found.warnings = _deprecated(source, form, found.tools)
    return found


def _deprecated(source: Source, form: AgentForm, tools: Tools) -> list[Problem]:
    warnings = Problems(source)
    for n, name in enumerate(form.allowed_tools):
        contract = tools[name].contract if name in tools else None
        if contract is not None and contract.deprecated is not None:
            use = f"use {contract.deprecated.use}" if contract.deprecated.use else ""
            message = f"{name} {contract.version} is deprecated: {contract.deprecated.reason}"
            warnings.add(("agent", "allowed_tools", n), message, use)
    return warnings.found


class _Resolver:
    def __init__(self, form: AgentForm, own: Tools, catalog: ToolCatalog, manifest: Problems) -> None:
        self._form, self._own, self._catalog, self.manifest = form, own, catalog, manifest
        self.resolution = Resolution(dict(own))
        self._shared: set[ToolName] = set()
        self._to_follow: list[ToolName] = []

    def find(self, name: ToolName, problems: Problems, place: Place, *, in_catalog: bool) -> None:
        """Find one name; `in_catalog`: a tool of the catalog asks for it, so that the agent's own do not count."""
        if name in self._to_follow:
            return
        self._to_follow.append(name)
        if name in self._own and self._catalog.holds(name):
            self.resolution.told.add(name)
            message = f"{name} has a contract in tools/ and in the catalog"
            problems.add(place, message, "remove the one in tools/, or name it otherwise")
        elif name not in self._own:
            self._from_catalog(name, problems, place)
        elif in_catalog:
            message = f"{name} is asked for by a tool of the catalog, and is not in the catalog"
            problems.add(place, message, "a shared tool's probe and compensation stand beside it")

    def follow(self) -> None:
        """Find what the tools found so far need: probes and compensations."""
        for name in self._to_follow:  # It grows meanwhile.
            document = self.resolution.tools.get(name)
            if document is None:
                continue
            problems = Problems(document.source)
            for needed, place in _needs(document.contract):
                self.find(needed, problems, (*document.place, *place), in_catalog=name in self._shared)
            self.resolution.problems += problems.found

    def check_versions(self) -> None:
        """Note entries of `tool_versions` that choose nothing."""
        for name, version in self._form.tool_versions.items():
            place = ("agent", "tool_versions", name)
            if name not in self._to_follow:
                hint = did_you_mean(name, self._to_follow)
                self.manifest.add(place, f"chooses a version of {name}, which the agent does not use", hint)
            elif name in self._own and self._own[name].contract.version != version:
                message = f"chooses {name} {version}, and tools/ has version {self._own[name].contract.version}"
                self.manifest.add(place, message, "remove the entry, or the contract in tools/")

    def _from_catalog(self, name: ToolName, problems: Problems, place: Place) -> None:
        self._shared.add(name)
        chosen = self._form.tool_versions.get(name)
        version, found = self._version(name, chosen, problems, place)
        if version is not None:
            document, found = self._catalog.load(name, version)
            if document is not None:
                self.resolution.tools[name] = document
        if found:
            self.resolution.problems += found
        if found or name in self.resolution.tools:
            self.resolution.told.add(name)

    def _version(
        self, name: ToolName, chosen: str | None, problems: Problems, place: Place
    ) -> tuple[str | None, list[Problem]]:
        versions = self._catalog.versions(name)
        if chosen in versions or (chosen is None and len(versions) == 1):
            return chosen or versions[0], []
        unlocked = self._catalog.unlocked(name, chosen) if chosen is not None or not versions else []
        if unlocked or not versions:
            return None, unlocked
        self.resolution.told.add(name)
        if chosen is not None:
            at = ("agent", "tool_versions", name)
            hint = f"write one of {', '.join(versions)}"
            self.manifest.add(at, f"the catalog has no version {chosen} of {name}", hint)
            return None, []
        return self._only_current(name, versions, problems, place)

    def _only_current(
        self, name: ToolName, versions: list[str], problems: Problems, place: Place
    ) -> tuple[str | None, list[Problem]]:
        loaded = {version: self._catalog.load(name, version) for version in versions}
        wrong = [problem for _, found in loaded.values() for problem in found]
        current = [v for v, (document, _) in loaded.items() if document and document.contract.deprecated is None]
        if wrong or len(current) == 1:
            return (None, wrong) if wrong else (current[0], [])
        message = f"the catalog has several versions of {name}: {', '.join(versions)}"
        problems.add(place, message, f'choose one in the manifest: `tool_versions: {{{name}: "{versions[-1]}"}}`')
        return None, []


def _needs(contract: ToolContract) -> list[tuple[ToolName, Place]]:
    needed: list[tuple[ToolName, Place]] = []
    if contract.probe is not None:
        needed.append((contract.probe, ("probe",)))
    if contract.compensation is not None:
        needed.append((contract.compensation.tool, ("compensation", "tool")))
    return needed
