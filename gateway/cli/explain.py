"""`proctor explain`: why a run, or one step of it, did what it did."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.output import Format, emit, fit, print_json
from gateway.cli.session import OutputOption, Session, perform
from gateway.cli.visible import visible_line

if TYPE_CHECKING:
    from gateway.explaining import CallStory, StepStory, Story


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    step: Annotated[int | None, typer.Argument(metavar="STEP", min=0, help="Only this step.")] = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Say why a run did what it did. What it saw, weighed, proposed, was allowed and did; from its records alone."""
    from proctor.contracts.errors import UnknownName
    from proctor.contracts.ids import RunId

    async def work(session: Session) -> "Story":
        return await (await session.reader()).explain(RunId(run_id))

    story = perform(context, work)
    if step is not None:
        chosen = tuple(one for one in story.steps if one.step == step)
        if not chosen:
            raise UnknownName(f"run {run_id} has no step {step}", hint=f"it has the steps 0 to {len(story.steps) - 1}")
        story = story.model_copy(update={"steps": chosen})
    if output is Format.TABLE:
        _print_lines(story)
    elif output is Format.JSON:
        print_json(story)
    else:
        for one in story.steps:
            print_json({"run_id": story.run_id, **one.model_dump(mode="json")}, indent=None)


def _print_lines(story: "Story") -> None:
    for line in _lines(story):
        for part in fit(line, sys.stdout, indent=12):
            emit(part)


def _lines(story: "Story") -> Iterator[str]:
    ended = " — ".join(filter(None, (story.status, story.status_reason)))
    yield f"run {visible_line(story.run_id)}: {visible_line(ended)}"
    yield f"  agent {story.agent} version {visible_line(story.agent_version)}, owner {story.owner}"
    yield f"  asked by {story.requester}: {visible_line(story.goal) or '(no goal in words)'}"
    yield f"  bundle {_short(story.bundle_digest)}, policy {_short(story.policy_digest)}, ${story.cost_usd}"
    for step in story.steps:
        yield from _step_lines(step)


def _step_lines(step: "StepStory") -> Iterator[str]:
    yield ""
    yield f"step {step.step}: {step.kind}, ${step.cost_usd}" + (f" by {visible_line(step.model)}" if step.model else "")
    for seen in step.saw:
        what = f"{seen.kind} of {visible_line(seen.tool)}" if seen.tool else seen.kind
        yield f"  saw       {what}, {seen.integrity}, {_short(seen.digest)}: {visible_line(seen.summary)}"
    if step.saw_earlier:
        yield f"  saw       and {step.saw_earlier} earlier entries"
    yield f"  because   {visible_line(step.reason) or '(no reason recorded)'}"
    for option in step.options:
        yield f"  or else   {visible_line(option)}"
    if not step.calls:
        yield f"  proposed  {_json({key: value for key, value in step.proposal.items() if key != 'kind'})}"
    for call in step.calls:
        yield from _call_lines(call)
    for record in step.people:
        yield f"  person    {_person(record)}"
    if step.records:
        yield f"  records   {', '.join(map(str, step.records))} of the audit trail"


def _call_lines(call: "CallStory") -> Iterator[str]:
    yield f"  proposed  {visible_line(call.tool)} {_json(call.arguments)}"
    yield f"    key     {visible_line(call.key)}"
    for record in call.decisions:
        yield f"    policy  {_verdict(record)}"
    for record in call.people:
        yield f"    person  {_person(record)}"
    for record in call.effect:
        yield f"    effect  {_outcome(record)}"


def _verdict(record: dict[str, Any]) -> str:
    from gateway.policy_explaining import recorded_duty

    again = {"call_dispatched": "at dispatch, again: ", "call_denied": "at dispatch: deny"}.get(record["kind"], "")
    others = [rule for rule in record.get("fired", ()) if rule.get("id") != record.get("rule")]
    fired = ", ".join(f"{rule.get('id')} ({rule.get('effect')})" for rule in others)
    obliged = ", ".join(map(recorded_duty, record.get("obligations", ())))
    said = f"{again}{record.get('verdict', '')} by rule {record.get('rule', '')}: {record.get('reason', '')}"
    return visible_line(said + (f"; also fired {fired}" if fired else "") + (f"; duty: {obliged}" if obliged else ""))


def _person(record: dict[str, Any]) -> str:
    if "by" not in record:
        until = str(record.get("expires_at", ""))[:19].replace("T", " ")
        asked = f"{record['request']} asks {record.get('owner', 'a person')}" if "title" in record else _words(record)
        return visible_line(asked + (f" until {until} UTC: {record.get('title', '')}" if until else ""))
    why = record.get("note") or record.get("reason")
    return visible_line(f"{_words(record)} by {record['by']}" + (f": {why}" if why else ""))


def _outcome(record: dict[str, Any]) -> str:
    told = [f"attempt {record['attempt']}"] if record.get("attempt") else []
    told += [f"by {record['by']}"] if record.get("by") else []
    told += [f"result {_short(record['result'])}"] if record.get("result") else []
    told += [str(record[name]) for name in ("status", "error") if record.get(name)]
    return visible_line(f"{str(record['at'])[11:19]}  {_words(record)}" + (f", {', '.join(told)}" if told else ""))


def _words(record: dict[str, Any]) -> str:
    return str(record["kind"]).replace("_", " ")


def _json(value: Any) -> str:
    return visible_line(json.dumps(value, ensure_ascii=False))


def _short(digest: str | None) -> str:
    return f"{digest[:12]}…" if digest else "(not pinned)"
