"""Live contract tests: real calls of reads, and of the effects whose cases allow it."""

import secrets
from collections.abc import AsyncIterator

from gateway.tool_testing import Check, Level, Subject
from proctor.contracts.ids import EffectKey, RunId
from proctor.contracts.ports import ToolPort
from proctor.contracts.schemas import checker
from proctor.contracts.tool import Confirmed, Failed, ToolContract, ToolInvocation, ToolOutcome
from proctor.documents.tool_tests import ToolCase


async def call_tool(subject: Subject, tools: ToolPort) -> AsyncIterator[Check]:
    """Carry out the cases of one tool that may be carried out, one after the other."""
    contract = subject.contract
    for case in subject.fitting:
        if contract.is_read or case.live:
            level, message = _judge(contract, case, await _call(contract, case, tools))
            shown = f"{case.case}: {message}" if message else case.case
            yield Check(tool=contract.name, version=contract.version, check="live", level=level, message=shown)


async def _call(contract: ToolContract, case: ToolCase, tools: ToolPort) -> ToolOutcome:
    run_id = RunId(f"tools-test-{secrets.token_hex(6)}")
    call = ToolInvocation(run_id=run_id, key=EffectKey(f"{run_id}/0/0"), arguments=case.arguments)
    return await tools.invoke(contract, call)


def _judge(contract: ToolContract, case: ToolCase, outcome: ToolOutcome) -> tuple[Level, str]:
    if isinstance(outcome, Failed):
        return ("ok", "") if case.fails else ("failed", outcome.error)
    if not isinstance(outcome, Confirmed):
        return "failed", f"nobody knows whether it happened: {outcome.error}"
    if case.fails:
        return "failed", "it should have failed, and succeeded"
    misfits = [*checker(contract.output_schema)(outcome.result), *checker(case.gives)(outcome.result)]
    return ("failed", f"its result does not fit: {misfits[0]}") if misfits else ("ok", "")
