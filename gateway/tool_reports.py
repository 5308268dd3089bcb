"""How each tool of the agents is used, and by whom it may be."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.front_models import ToolReport, ToolUser
from gateway.tool_shelf import is_failing
from proctor.contracts.catalog import ToolUsage
from proctor.contracts.errors import InvalidDocument
from proctor.contracts.ids import ToolName
from proctor.contracts.ports import AgentCatalog
from proctor.contracts.tool import ToolContract

Key = tuple[ToolName, str]


@dataclass
class _Known:
    contract: ToolContract
    users: list[ToolUser] = field(default_factory=list)


def tool_reports(agents: AgentCatalog, used: Sequence[ToolUsage], only: ToolName | None) -> list[ToolReport]:
    """Join what was counted with the agents' files, by tool and version; agents that do not load are left out."""
    known = _known(agents, only)
    keys = sorted({*known, *((one.tool, one.version) for one in used)})
    return [_report(key, known.get(key), [one for one in used if (one.tool, one.version) == key]) for key in keys]


def _report(key: Key, known: _Known | None, usage: list[ToolUsage]) -> ToolReport:
    marks = [] if known is not None and known.users else ["unused"]
    marks += [] if usage else ["never called"]
    marks += ["failing"] if is_failing(usage) else []
    if known is not None:
        marks += [] if known.contract.owner else ["unowned"]
        marks += ["deprecated"] if known.contract.deprecated is not None else []
    return ToolReport(
        tool=key[0],
        version=key[1],
        owner=known.contract.owner if known is not None else "",
        may_use=tuple(known.users) if known is not None else (),
        usage=tuple(usage),
        marks=tuple(marks),
    )


def _known(agents: AgentCatalog, only: ToolName | None) -> dict[Key, _Known]:
    found: dict[Key, _Known] = {}
    for name in agents.names():
        try:
            bundle = agents.load(name)
        except InvalidDocument:
            continue
        manifest = bundle.manifest
        for contract in bundle.tools:
            if only not in {None, contract.name}:
                continue
            known = found.setdefault((contract.name, contract.version), _Known(contract))
            if contract.name in manifest.allowed_tools:
                level = manifest.autonomy_for(contract.name, contract.risk)
                known.users.append(ToolUser(agent=manifest.name, owner=manifest.owner, autonomy=level))
    return found
