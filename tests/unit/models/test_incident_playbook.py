"""The incident resolver's playbook tells each of its stories to the right end."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from proctor.contracts.ids import AgentName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.planning import FinalProposal, Proposal
from proctor.contracts.schemas import problems
from proctor.documents.catalog import FileAgentCatalog
from proctor.models.playbook import PlaybookPlanner
from tests.unit.models.worlds import Play, Tool, confirmed, denied, failed, one_after_the_other, situation

AGENTS = Path(__file__).parents[3] / "agents"
ALERT = {"alert": "checkout is not answering", "service": "checkout", "severity": "medium", "kind": "unresponsive"}


def health(status: str) -> Tool:
    return confirmed({"service": "checkout", "status": status, "pid": 7, "release": "r1", "detail": f"it is {status}"})


def restart(state: str) -> Tool:
    pid = 8 if state == "running" else None
    return confirmed(
        {"service": "checkout", "restart_id": "rs-1", "previous_release": "r1", "release": "stable", "pid": pid}
        | {"state": state}
    )


def world(**changes: Tool) -> dict[str, Tool]:
    documents = [{"id": "kb-7", "title": "Pool", "excerpt": "…", "score": 1.0, "updated_at": "2026-01-01"}]
    logs = {"service": "checkout", "path": "l", "lines": ["x"], "errors": 3, "findings": ["pool_exhausted"]}
    return {
        "GetServiceHealth": one_after_the_other(health("wedged"), health("healthy")),
        "ReadServiceLogs": confirmed(logs),
        "SearchKB": confirmed({"documents": documents}),
        "RestartService": restart("running"),
        "CreateSupportTicket": confirmed({"id": "T-1", "url": "http://tickets/T-1"}),
        **changes,
    }


@cache
def load() -> AgentBundle:
    return FileAgentCatalog(AGENTS).load(AgentName("incident-resolver"))


async def play(alert: dict[str, Any], **changes: Tool) -> tuple[Play, FinalProposal]:
    bundle = load()
    assert problems(bundle.manifest.input_schema, alert) == []
    playing = Play(PlaybookPlanner(), world(**changes))
    last: Proposal = await playing.run(situation({}, input=alert).model_copy(update={"bundle": bundle}))
    assert isinstance(last.proposed, FinalProposal)
    return playing, last.proposed


async def test_wedged_service_is_restarted_verified_and_ticketed() -> None:
    """The main story: diagnosis, restart, proof of health, ticket, and a report that cites all of it."""
    playing, final = await play(ALERT)
    tools = [tool for tool, _ in playing.calls]
    expected = ["GetServiceHealth", "ReadServiceLogs", "SearchKB", "RestartService", "GetServiceHealth"]
    assert [*expected, "CreateSupportTicket"] == tools
    assert final.outcome == "completed"
    assert {
        "findings": ["pool_exhausted"],
        "documents": ["kb-7"],
        "restart": "rs-1",
        "ticket": "T-1",
    }.items() <= final.report.items()
    cited = [entry["node"] for entry in final.report["cites"]]
    assert cited == ["health", "logs", "kb", "restart", "verify", "ticket"]


async def test_what_the_log_says_is_what_the_knowledge_base_is_asked() -> None:
    """The search derives from the observation, and the optional release from the input."""
    playing, _ = await play({**ALERT, "release": "broken"})
    arguments = dict(playing.calls)
    assert arguments["SearchKB"] == {"query": "pool_exhausted checkout wedged", "limit": 3}
    assert arguments["RestartService"]["release"] == "broken"


@pytest.mark.parametrize(
    ("state", "status", "checks"), [("crashed", "down", 1), ("running", "wedged", 3)], ids=["crashed", "still wedged"]
)
async def test_restart_that_does_not_help_ends_failed_with_an_urgent_ticket(
    state: str, status: str, checks: int
) -> None:
    """`failed` makes the platform take the restart back; the ticket is filed first, as urgent."""
    playing, final = await play(
        ALERT, RestartService=restart(state), GetServiceHealth=one_after_the_other(health("wedged"), health(status))
    )
    assert final.outcome == "failed"
    assert dict(playing.calls)["CreateSupportTicket"]["severity"] == "high"
    assert checks == [tool for tool, _ in playing.calls].count("GetServiceHealth") - 1
    assert final.report["reason"] == f"it is {status}"


async def test_full_disk_is_blocked_because_deleting_backups_is_denied() -> None:
    """A tool outside the manifest is proposed, denied by policy, and the reason stands in the report."""
    playing, final = await play({**ALERT, "kind": "disk_full"}, DeleteOldBackups=denied("not an allowed tool"))
    assert playing.calls == [("DeleteOldBackups", {"service": "checkout"})]
    assert (final.outcome, final.report["reason"]) == ("blocked", "not an allowed tool")


async def test_denied_restart_files_a_ticket_and_ends_blocked() -> None:
    """A person's no is respected: nothing is restarted, somebody is told, and the person's reason is passed on."""
    playing, final = await play(ALERT, RestartService=denied("wait for the night", by="person"))
    assert (final.outcome, final.report["reason"], final.report["ticket"]) == ("blocked", "wait for the night", "T-1")
    assert playing.calls[-1][0] == "CreateSupportTicket"


async def test_healthy_service_is_left_alone() -> None:
    """A false alert causes no effect."""
    playing, final = await play(ALERT, GetServiceHealth=health("healthy"))
    assert [tool for tool, _ in playing.calls] == ["GetServiceHealth"]
    assert final.outcome == "completed"


async def test_failed_ticket_does_not_undo_a_restart_that_helped() -> None:
    """The run completes with `ticket: null`; failing it would compensate the restart."""
    _, final = await play(ALERT, CreateSupportTicket=failed("HTTP 500"))
    assert (final.outcome, final.report["ticket"]) == ("completed", None)


async def test_failed_restart_goes_to_a_person_and_ends_failed() -> None:
    """Trouble that no node expects is handled by the playbook's common handler."""
    playing, final = await play(ALERT, RestartService=failed("no such release"))
    assert (final.outcome, final.report["reason"], final.report["ticket"]) == ("failed", "no such release", "T-1")
    assert playing.calls[-1][0] == "CreateSupportTicket"


async def test_missing_knowledge_does_not_stop_the_resolver() -> None:
    """Log and knowledge base are aids: without them the restart still happens."""
    _, final = await play(ALERT, SearchKB=failed("down"), ReadServiceLogs=failed("gone"))
    assert (final.outcome, final.report["documents"], final.report["findings"]) == ("completed", [], [])


async def test_longest_alert_and_longest_reason_still_fit_every_tool() -> None:
    """The ticket about a restart that was denied is filed however long the person's reason is."""
    alert = {**ALERT, "alert": "x" * 500, "service": "s" * 63}
    playing, final = await play(alert, RestartService=denied("because " * 500, by="person"))
    assert final.outcome == "blocked"
    assert playing.calls[-1][0] == "CreateSupportTicket"
