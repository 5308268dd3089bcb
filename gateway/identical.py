"""One word on many requests that ask for exactly the same; each is decided, counted and recorded by itself."""

from collections.abc import Collection, Iterable

from gateway.approvals import DecisionResult, decide
from gateway.engine import RunEngine
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused
from proctor.contracts.human import HumanDecision, HumanRequest, Principal
from proctor.contracts.ids import RequestId
from proctor.contracts.people_ports import People

MOST_AT_ONCE = 200
_SAME = ("tenant", "agent", "tool", "tool_version", "arguments_sha256", "policy_digest", "target", "process_sha256")


async def decide_identical(
    decision: HumanDecision,
    *,
    by: Principal,
    people: People,
    engine: RunEngine,
    only: Collection[RequestId] | None = None,
) -> list[DecisionResult]:
    """Decide a request and the open ones like it: same agent, tool, arguments, policy and duties; runs may differ.

    The others follow only if the word was applied to the named one. Of them, those that `by` asked for are left out;
    those that `by` may not decide for another reason stay open, and that somebody tried is recorded. `only`: of the
    others those that were shown, or nothing at all where one of them is not open and alike any more.

    Raises:
        InvalidInput: the word is not for many requests, or approvals of this one are signed: a signature is over one.
        NotAuthorised: `by` may not decide the named request. `UnknownName`, `Unavailable`.
        Refused: what was shown is not what stands there now; nothing is decided.

    """
    named = await people.request(decision.request_id)
    _check(named, decision)
    shown = None if only is None else _shown(named, by, await people.pending(), frozenset(only))
    done = [await decide(decision, by=by, people=people, engine=engine)]
    if not done[0].receipt.applied:
        return done
    for one in shown if shown is not None else alike(named, by, await people.pending()):
        try:
            said = decision.model_copy(update={"request_id": one.id})
            done.append(await decide(said, by=by, people=people, engine=engine))
        except NotAuthorised:
            continue
    return done


def alike(named: HumanRequest, by: Principal, pending: Iterable[HumanRequest]) -> list[HumanRequest]:
    """Give the open requests that ask for the same as one does, without what `by` asked for; oldest first."""
    found = [one for one in pending if one.id != named.id and one.requester != by.name and _is_alike(one, named)]
    return found[: MOST_AT_ONCE - 1]


def _shown(
    named: HumanRequest, by: Principal, pending: Iterable[HumanRequest], only: frozenset[RequestId]
) -> list[HumanRequest]:
    found = alike(named, by, (one for one in pending if one.id in only))
    if only != {one.id for one in found}:
        raise Refused("what asks for the same has changed while you looked", hint="look again: nothing was decided")
    return found


def _check(named: HumanRequest, decision: HumanDecision) -> None:
    if decision.word not in {"approve", "deny"} or named.binding is None:
        raise InvalidInput("only approvals are decided many at once", hint="approve or deny requests for a call")
    if decision.grant is not None:
        raise InvalidInput("a standing grant is made on one request", hint="approve one with --stop-asking")
    is_signed = named.process is not None and named.process.is_signed
    if decision.word == "approve" and (is_signed or decision.signature is not None):
        raise InvalidInput("a signature is over one request", hint="approve these one by one")


def _is_alike(one: HumanRequest, named: HumanRequest) -> bool:
    if one.binding is None or named.binding is None or one.kind is not named.kind:
        return False
    return all(getattr(one.binding, name) == getattr(named.binding, name) for name in _SAME)
