"""Planning by a playbook: declarative, deterministic and free of charge."""

from decimal import Decimal
from functools import singledispatchmethod
from typing import Any

from pydantic import ValidationError

from proctor.contracts.arguments import argument_problems
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput, PlannerFailed
from proctor.contracts.manifest import PlaybookPlannerSpec
from proctor.contracts.planning import (
    CallsProposal,
    FinalProposal,
    Proposal,
    ProposedCall,
    QuestionProposal,
    Situation,
)
from proctor.contracts.playbook import AskNode, Call, CallNode, CallsNode, FinishNode
from proctor.contracts.ports import Transcript
from proctor.contracts.schemas import problems
from proctor.contracts.templates import MissingValueError, fill
from proctor.models.conditions import holds
from proctor.models.playbook_derivation import derive
from proctor.models.playbook_facts import Cursor, Facts, Trouble
from proctor.models.playbook_program import (
    Again,
    Enter,
    Finish,
    GiveUp,
    Jump,
    Move,
    Program,
    Propose,
    Settle,
    Unless,
    program_of,
)

MAX_MOVES = 20_000
"""Moves within one plan; beyond it the playbook turns in circles without proposing anything."""


class PlaybookPlanner:
    """Walks the manifest's playbook from where the cursor stands to its next proposal.

    The same situation and transcript give the same proposal. The cost of a step depends on the playbook, not on how
    many steps were made. A missing value in a template, arguments that the tool's contract refuses, and a report that
    the manifest's output schema refuses are `PlannerFailed`, with the node's name.
    """

    def estimate_cost_usd(self, situation: Situation) -> Decimal:  # noqa: ARG002 - the port asks per situation
        """Cost nothing."""
        return Decimal(0)

    async def propose(self, situation: Situation, transcript: Transcript) -> Proposal:
        """Propose the next step of the playbook. Raises `PlannerFailed`."""
        spec = situation.bundle.manifest.planner
        if not isinstance(spec, PlaybookPlannerSpec):
            raise PlannerFailed("this agent has no playbook")
        try:
            program = program_of(spec.playbook)
        except InvalidInput as error:
            raise PlannerFailed(f"the playbook cannot be used: {error.message}", hint=error.hint) from error
        return await _Walk(program, situation, transcript).proposal()


class _Walk:
    """One plan: moves through the program until a move proposes something."""

    def __init__(self, program: Program, situation: Situation, transcript: Transcript) -> None:
        self._program = program
        self._situation = situation
        self._facts = Facts(situation, transcript, program.tools)
        self._facts.cursor = _read_cursor(situation.cursor, len(program.moves))

    async def proposal(self) -> Proposal:
        """Walk to the next proposal."""
        for _ in range(MAX_MOVES):
            move = self._program.moves[self._facts.cursor.at]
            await self._facts.fetch(getattr(move, "reads", frozenset()))
            self._update(at=self._facts.cursor.at + 1)
            found = await self._take(move)
            if found is not None:
                return found
        raise PlannerFailed(f"the playbook made {MAX_MOVES} moves without proposing anything", hint="bound its loops")

    def _update(self, **changes: Any) -> None:
        self._facts.cursor = self._facts.cursor.model_copy(update=changes)

    @singledispatchmethod
    async def _take(self, move: Move) -> Proposal | None:
        raise TypeError(type(move))

    @_take.register
    async def _(self, move: Jump) -> None:
        self._update(at=move.target.at)

    @_take.register
    async def _(self, move: Unless) -> None:
        if not holds(move.condition, self._facts.look_up):
            self._update(at=move.target.at)

    @_take.register
    async def _(self, move: Enter) -> None:
        cursor = self._facts.cursor
        loops = {name: how for name, how in cursor.loops.items() if name != move.loop}
        self._update(passes={**cursor.passes, move.loop: 0}, loops=loops)

    @_take.register
    async def _(self, move: Again) -> None:
        passes = self._facts.cursor.passes[move.loop] + 1
        self._update(passes={**self._facts.cursor.passes, move.loop: passes})
        if holds(move.until, self._facts.look_up):
            self._leave(move.loop, "met", move.met.at)
        elif passes >= move.passes:
            self._leave(move.loop, "exhausted", move.exhausted.at)
        else:
            self._update(at=move.body.at)

    def _leave(self, loop: str, how: str, at: int) -> None:
        self._update(loops={**self._facts.cursor.loops, loop: how}, at=at)

    @_take.register
    async def _(self, move: Settle) -> None:
        if isinstance(move.node, AskNode):
            await self._settle_question(move.node, move)
            return
        names = [order.id for order in move.node.orders]
        await self._facts.fetch(frozenset(names))
        found = next(filter(None, map(self._facts.trouble, names)), None)
        target = None if found is None else move.denied if found.status == "denied" else move.failed
        if target is not None:
            self._update(trouble=found, at=target.at)

    async def _settle_question(self, node: AskNode, move: Settle) -> None:
        answer = await self._facts.answer(node.id)
        self._update(answers={**self._facts.cursor.answers, node.id: answer})
        if answer is None and move.denied is not None:
            trouble = Trouble(node=node.id, tool="", status="unanswered", reason="nobody answered")
            self._update(trouble=trouble, at=move.denied.at)

    @_take.register
    async def _(self, move: Propose) -> Proposal:
        node = move.node
        if isinstance(node, AskNode):
            question = str(self._fill(node.id, node.ask))
            self._mark_proposed([node.id])
            return self._proposal(QuestionProposal(question=question[:2000]), self._reason(node, f"{node.id}: ask"))
        calls = tuple(self._call(order) for order in node.orders)
        others = node.alternatives if isinstance(node, CallNode) else ()
        alternatives = tuple(CallsProposal(calls=(self._call(order),)) for order in others)
        self._mark_proposed([order.id for order in node.orders])
        tools = ", ".join(call.tool for call in calls)
        reason = self._reason(node, f"{node.id}: call {tools}")
        return self._proposal(CallsProposal(calls=calls), reason, alternatives)

    @_take.register
    async def _(self, move: Finish) -> Proposal:
        ending, name = move.node.finish, move.node.id or "finish"
        report = self._fill(name, ending.report)
        if ending.cite:
            report = {**report, "cites": list(filter(None, map(self._facts.citation, ending.cite)))}
        reason = self._reason(move.node, f"{name}: {ending.outcome}")
        return self._final(FinalProposal(outcome=ending.outcome, report=report), name, reason)

    @_take.register
    async def _(self, move: GiveUp) -> Proposal:
        trouble = self._facts.cursor.trouble
        if trouble is None:
            raise PlannerFailed("the cursor points at an ending for trouble, and names none")
        what = f"{trouble.node} {trouble.status}: {trouble.reason}"
        final = FinalProposal.model_validate({"outcome": move.outcome, "report": {"summary": what}})
        return self._final(final, "the default ending", what)

    def _call(self, order: Call) -> ProposedCall:
        arguments = self._fill(order.id, order.arguments)
        contract = self._situation.bundle.tool(order.call)
        # A tool outside the bundle is proposed as it is: policy denies it, and the denial is on record.
        wrong = argument_problems(contract, arguments) if contract else []
        if wrong:
            raise PlannerFailed(f"node {order.id}: {order.call} does not take these arguments: {'; '.join(wrong)}")
        derivation = derive(order.arguments, self._facts)
        return ProposedCall(tool=order.call, arguments=arguments, node=order.id, derivation=derivation)

    def _fill(self, node: str, value: Any) -> Any:
        try:
            return fill(value, self._facts.look_up)
        except MissingValueError as error:
            hint = "guard the node with when, or write ${path|default: JSON}"
            raise PlannerFailed(f"node {node}: {error.path} is missing", hint=hint) from error

    def _reason(self, node: CallNode | CallsNode | AskNode | FinishNode, otherwise: str) -> str:
        return otherwise if node.why is None else str(self._fill(node.id or "finish", node.why))

    def _mark_proposed(self, names: list[str]) -> None:
        self._update(proposed={**self._facts.cursor.proposed, **dict.fromkeys(names, self._situation.step)})

    def _final(self, final: FinalProposal, name: str, reason: str) -> Proposal:
        wrong = problems(self._situation.bundle.manifest.output_schema, final.report)
        if wrong:
            raise PlannerFailed(f"node {name}: the report does not fit the output schema: {'; '.join(wrong)}")
        return self._proposal(final, reason)

    def _proposal(
        self,
        proposed: CallsProposal | FinalProposal | QuestionProposal,
        reason: str,
        alternatives: tuple[CallsProposal, ...] = (),
    ) -> Proposal:
        is_first = not self._situation.cursor
        return Proposal(
            proposed=proposed,
            reason=summarize(reason, 500),
            cursor=self._facts.cursor.model_dump(exclude_defaults=True),
            alternatives=alternatives,
            declares=self._program.declares if is_first and proposed.kind != "final" else None,
        )


def _read_cursor(raw: dict[str, Any], moves: int) -> Cursor:
    try:
        cursor = Cursor.model_validate(raw)
    except ValidationError as error:
        raise PlannerFailed(
            "the cursor is not one of a playbook", hint="a run keeps the planner it began with"
        ) from error
    if cursor.at >= moves:
        raise PlannerFailed("the cursor points behind the end of the playbook")
    return cursor
