"""Two bundles of one agent, compared: every change, and whether it tightens, loosens or does neither."""

from collections.abc import Iterable, Iterator

from policies.change.calls import Finding, ToolCalls, merge
from policies.change.changes import Change
from policies.change.contracts import contract_changes
from policies.change.documents import document_changes, window_words
from policies.change.manifests import manifest_changes
from policies.change.sides import Side
from policies.reasoning.witness import declared_levels
from proctor.contracts.governing import ChangeKind
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.policy import PolicyDocument


def diff(old: AgentBundle, new: AgentBundle) -> tuple[Change, ...]:
    """List what changed between two bundles, loosenings first; empty when nothing did.

    Rules are compared by what they decide: over all facts of a call, at any live level of autonomy and at the declared
    ones. A loosening carries a call that both policies really decided; where none was found it is told all the same.
    Takes well under a second for 31 rules, and never raises for bundles that their models accept.
    """
    before, after = Side.of(old), Side.of(new)
    documents = old.policy or PolicyDocument(), new.policy or PolicyDocument()
    found = [finding for tool in _tools(before, after) for finding in _findings(before, after, tool)]
    changes = [
        *merge(found, _words(before, after, documents)),
        *_contracts(before, after),
        *manifest_changes(old.manifest, new.manifest),
        *document_changes(*documents),
    ]
    order = (ChangeKind.LOOSENS, ChangeKind.TIGHTENS, ChangeKind.NEUTRAL)
    return tuple(sorted(changes, key=lambda change: order.index(change.kind)))


def _tools(old: Side, new: Side) -> Iterable[ToolName]:
    named = (side.bundle.manifest.allowed_tools for side in (old, new))
    return dict.fromkeys(name for names in named for name in names)


def _findings(old: Side, new: Side, tool: ToolName) -> Iterator[Finding]:
    yield from ToolCalls(old, new, tool).findings()
    before, after = old.contract(tool), new.contract(tool)
    if before and after and declared_levels(old.bundle, before) != declared_levels(new.bundle, after):
        yield from ToolCalls(old, new, tool, with_levels=True).findings()


def _contracts(old: Side, new: Side) -> Iterator[Change]:
    names = dict.fromkeys((*old.policy.contracts, *new.policy.contracts))
    for name in names:
        before, after = old.contract(name), new.contract(name)
        if before is not None and after is not None and before != after:
            yield from contract_changes(before, after)


def _words(old: Side, new: Side, documents: tuple[PolicyDocument, PolicyDocument]) -> dict[str, str]:
    before, after = ({rule.id for rule in side.policy.rules} for side in (old, new))
    said = {f"rule {name}": "no longer there" for name in before - after}
    said |= {f"rule {name}": "new" for name in after - before}
    said |= {f"rule {name}": "decides differently" for name in before & after}
    said |= {"manifest autonomy": "another level is declared"}
    said |= {f"tool {name}": "several changes together decide differently" for name in _tools(old, new)}
    return said | window_words(*documents)
