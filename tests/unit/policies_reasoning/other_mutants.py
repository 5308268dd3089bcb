"""Seeded changes of a manifest and of tool contracts, each with what it does by construction."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from proctor.contracts.governing import ChangeKind
from proctor.contracts.tool import ToolContract
from tests.unit.policies_reasoning import agents
from tests.unit.policies_reasoning.mutants import LOOSENS, NEUTRAL, TIGHTENS, Mutant, document_mutants


def mutants() -> list[Mutant]:
    made = [*document_mutants(), *_manifests(), *_contracts()]
    assert len({mutant.name for mutant in made}) == len(made)
    return made


def _manifest(name: str, kind: ChangeKind, *, has_witness: bool = True, **fields: Any) -> Mutant:
    return Mutant(name, kind, agents.bundle(manifest={**agents.MANIFEST, **fields}), has_witness)


def _manifests() -> Iterator[Mutant]:
    limit = agents.MANIFEST["thresholds"][0]
    without = [name for name in agents.MANIFEST["allowed_tools"] if name != "FetchPage"]
    yield _manifest("a higher threshold", LOOSENS, thresholds=[{**limit, "max": 4001}])
    yield _manifest("a lower threshold", TIGHTENS, thresholds=[{**limit, "max": 3999}])
    yield _manifest("no threshold", LOOSENS, thresholds=[])
    yield _manifest("a threshold that asks", LOOSENS, thresholds=[{**limit, "beyond": "require_approval"}])
    yield _manifest("mail is only proposed", TIGHTENS, autonomy_by_tool={"SendMail": "suggest"})
    yield _manifest("mail a level higher", LOOSENS, autonomy_by_tool={})
    yield _manifest(
        "high risk a level lower, which is asked about anyway", NEUTRAL, autonomy_by_risk={"high": "approval_required"}
    )
    yield _manifest("one tool less", TIGHTENS, allowed_tools=without)
    yield _manifest("another owner", LOOSENS, has_witness=False, owner="bob")
    yield _manifest("longer runs", LOOSENS, has_witness=False, bounds={"max_iterations": 26})
    yield _manifest("shorter runs", TIGHTENS, bounds={"max_iterations": 24})
    yield _manifest("no scrubber", LOOSENS, has_witness=False, guardrails=[])
    yield _manifest("requests stay open longer", LOOSENS, has_witness=False, approval_timeout_s=7200)
    yield _manifest("a description", NEUTRAL, description="Looks after orders")
    yield _manifest("fewer hosts", TIGHTENS, allow_domains=["kb.example.com"])
    yield _manifest("blocked hosts", TIGHTENS, blocked_domains=["*", "a.docs.example.com"])
    yield _manifest("more hosts", LOOSENS, allow_domains=["*"])


def _contract(name: str, kind: ChangeKind, tool: ToolContract, *, has_witness: bool = True, **fields: Any) -> Mutant:
    changed = ToolContract.model_validate({**tool.model_dump(), **fields})
    tools = tuple(changed if one is tool else one for one in agents.TOOLS)
    return Mutant(name, kind, agents.bundle(tools=tools), has_witness)


def _property(tool: ToolContract, name: str, **fields: Any) -> dict[str, Any]:
    schema = deepcopy(tool.input_schema)
    schema["properties"][name].update(fields)
    return {"input_schema": schema}


def _contracts() -> Iterator[Mutant]:
    refund, mail, deploy = agents.REFUND, agents.MAIL, agents.DEPLOY
    roles = refund.argument_roles
    yield _contract("a refund can be taken back", LOOSENS, refund, effect="write")
    yield _contract("a refund only reads", LOOSENS, refund, effect="read")
    yield _contract("deployments of medium risk", LOOSENS, deploy, risk="medium")
    yield _contract("lookups of high risk", TIGHTENS, agents.LOOKUP, risk="high")
    content = {**roles, "order": "content"}
    yield _contract("orders as content", LOOSENS, refund, has_witness=False, argument_roles=content)
    yield _contract("notes as targets", TIGHTENS, refund, argument_roles={**roles, "note": "target"})
    yield _contract("pages do not leave", LOOSENS, agents.FETCH, egress_arguments=())
    yield _contract("another action", LOOSENS, refund, has_witness=False, action="pay")
    yield _contract("larger amounts", LOOSENS, refund, has_witness=False, **_property(refund, "amount", maximum=10_001))
    yield _contract("longer mail", LOOSENS, mail, has_witness=False, **_property(mail, "body", maxLength=5001))
    yield _contract("shorter mail", TIGHTENS, mail, **_property(mail, "body", maxLength=4999))
    yield _contract("another description", NEUTRAL, mail, description="Sends mail")
    yield _contract("settled by itself", LOOSENS, mail, has_witness=False, idempotency="native")
