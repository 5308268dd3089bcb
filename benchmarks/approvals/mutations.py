"""Each bound field of an approved call altered behind the gateway's back, by the tables' owner: nothing is carried out.

A case alters any of four places at random: the request's binding, the row that the binding is rebuilt from, the
digest that the recorded decision carries, and for some fields the decision itself.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any

from benchmarks.approvals.subjects import APPROVER, ARGUMENTS, SECOND, Subject
from proctor.contracts.approving import ApprovalProcess
from proctor.contracts.canonical import canonical_json, digest_bytes
from proctor.contracts.human import ApprovalBinding
from proctor.contracts.ids import Digest
from proctor.contracts.obligations import Stage
from proctor.contracts.steps import CallRef
from proctor.store.database import Connection, Database
from proctor.store.journal import PostgresRunJournal

Statement = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Case:
    """One alteration, and the call that is begun under it."""

    field: str
    statements: tuple[Statement, ...]
    begun: CallRef
    policy_digest: Digest | None = None


class Held(Database):
    """One connection in one transaction, which is thrown away."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection."""
        self._held = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend the connection."""
        yield self._held

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend the connection, to a savepoint."""
        async with self._held.transaction():
            yield self._held


async def is_carried_out(subject: Subject, database: Database, case: Case) -> bool:
    """Alter rows, begin the call as the runtime would, and take everything back."""
    async with database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute("SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica")
            for sql, arguments in case.statements:
                await connection.execute(sql, *arguments)
            await connection.execute("SET LOCAL session_replication_role = origin; SET LOCAL ROLE proctor_app")
            journal = PostgresRunJournal(Held(connection))
            return await subject.begins(journal, case.begun, case.policy_digest)
        finally:
            await transaction.rollback()


async def executions(subject: Subject, database: Database, *, each: int, seed: int = 1) -> dict[str, tuple[int, int]]:
    """Give for each field how many cases were tried, and how many of them were carried out.

    Before and after, the unaltered approval is shown to hold in the same way.
    """
    dice, found = Random(seed), {}
    untouched = Case("", (), subject.call())
    for field in fields_of(subject):
        made = {str(case): case for case in (generate(subject, field, dice) for _ in range(each))}
        carried_out = Counter([await is_carried_out(subject, database, case) for case in made.values()])
        found[field] = (len(made), carried_out[True])
    for case in (untouched, untouched):
        if not await is_carried_out(subject, database, case):
            raise AssertionError("the unaltered approval does not hold: nothing was measured")
    return found


def fields_of(subject: Subject) -> tuple[str, ...]:
    """Name what can be altered; a signature where there is one."""
    process = subject.request.process
    return (*_BOUND, *_DECIDED, *(_SIGNED if process is not None and process.is_signed else ()))


def generate(subject: Subject, field: str, dice: Random) -> Case:
    """Make a case for a field."""
    if field in _BOUND:
        return _bound(subject, field, dice)
    makes = {**_DECIDED, **_SIGNED}
    return Case(field, tuple(makes[field](subject, dice)), subject.call())


def _bound(subject: Subject, field: str, dice: Random) -> Case:
    alters = [dice.random() < 0.5 for _ in range(3)]
    if not any(alters):
        alters[dice.randrange(3)] = True
    in_binding, in_truth, in_digest = alters
    value, case = _BOUND[field](subject, dice)
    binding = subject.request.binding
    assert binding is not None
    altered = ApprovalBinding.model_construct(**{**dict(binding), field: value})
    statements = list(case.statements) if in_truth else []
    if in_binding:
        statements.append(
            ("UPDATE proctor.request SET binding = $2 WHERE id = $1", (subject.request.id, _json(altered)))
        )
    if in_digest:
        statements.append(_decision(subject, "binding_digest", altered.digest()))
    if in_truth:
        return replace(case, statements=tuple(statements))
    return Case(field, tuple(statements), subject.call())


def _json(binding: ApprovalBinding) -> Any:
    return json.loads(binding.model_dump_json(warnings=False))


def _decision(subject: Subject, column: str, value: Any) -> Statement:
    return (f"UPDATE proctor.decision SET {column} = $2 WHERE request_id = $1", (subject.request.id, value))


def _text(text: str, dice: Random) -> str:
    """Give another text: one that looks nearly the same, or not at all."""
    at = dice.randrange(len(text)) if text else 0
    made = dice.choice(
        (
            text[:at] + chr(dice.randrange(97, 123)) + text[at + 1 :],
            text + dice.choice((" ", "\u200b", "s", "\u0430")),
            text.upper() if text.upper() != text else text.lower(),
            "".join(chr(dice.randrange(97, 123)) for _ in range(dice.randrange(1, 12))),
        )
    )
    return made if made != text else made + "x"


def _hex(digest: str, dice: Random) -> Digest:
    at = dice.randrange(len(digest))
    other = dice.choice([one for one in "0123456789abcdef" if one != digest[at]])
    return Digest(digest[:at] + other + digest[at + 1 :])


def _run(subject: Subject, dice: Random) -> tuple[Any, Case]:
    moved = (
        ("UPDATE proctor.request SET run_id = $2 WHERE id = $1", (subject.request.id, subject.other_run)),
        _decision(subject, "run_id", subject.other_run),
    )
    value = subject.other_run if dice.random() < 0.5 else _text(subject.run_id, dice)
    return value, Case("run_id", moved, subject.call(is_other=True))


def _place(name: str) -> Callable[[Subject, Random], tuple[Any, Case]]:
    def make(subject: Subject, dice: Random) -> tuple[Any, Case]:
        moved = (f"UPDATE proctor.request SET {name} = 1 WHERE id = $1", (subject.request.id,))
        value = dice.choice((1, dice.randrange(2, 10_000), -dice.randrange(1, 100)))
        return value, Case(name, (moved,), subject.call(int(name == "step"), int(name == "call")))

    return make


def _of_run(name: str) -> Callable[[Subject, Random], tuple[Any, Case]]:
    def make(subject: Subject, dice: Random) -> tuple[Any, Case]:
        value = _text(str(getattr(subject.request.binding, name)), dice)
        changed = (f"UPDATE proctor.run SET {name} = $2 WHERE run_id = $1", (subject.run_id, value))
        return value, Case(name, (changed,), subject.call())

    return make


def _of_call(name: str, column: str) -> Callable[[Subject, Random], tuple[Any, Case]]:
    def make(subject: Subject, dice: Random) -> tuple[Any, Case]:
        known = str(getattr(subject.request.binding, name))
        value = dice.choice(("Refund", _text(known, dice))) if name == "tool" else _text(known, dice)
        return value, Case(name, (_planned(subject, f"{column} = $2", value),), subject.call())

    return make


def _planned(subject: Subject, change: str, value: Any) -> Statement:
    return (f"UPDATE proctor.planned_call SET {change} WHERE run_id = $1 AND step = 0 AND call = 0",
            (subject.run_id, value))  # fmt: skip


def _arguments(subject: Subject, dice: Random) -> tuple[Any, Case]:
    altered: dict[str, Any] = dict(ARGUMENTS)
    name = dice.choice([*altered, "more"])
    altered[name] = dice.choice((_text(str(altered.get(name, "")), dice), dice.randrange(1, 10**6), None, [], True))
    if dice.random() < 0.1:
        del altered[dice.choice(list(ARGUMENTS))]
    body = canonical_json(altered)
    digest = digest_bytes(body)
    written = ("INSERT INTO proctor.content (digest, body) VALUES ($1, $2) ON CONFLICT DO NOTHING",
               (digest, body.decode()))  # fmt: skip
    return digest, Case(
        "arguments_sha256", (written, _planned(subject, "arguments_digest = $2", digest)), subject.call()
    )


def _target(subject: Subject, dice: Random) -> tuple[Any, Case]:
    value = _text(str(subject.request.binding and subject.request.binding.target), dice)
    change = "decision = (decision::jsonb || jsonb_build_object('goal', $2::text))::json"
    return value, Case("target", (_planned(subject, change, value),), subject.call())


def _policy(subject: Subject, dice: Random) -> tuple[Any, Case]:
    value = _hex(str(subject.request.binding and subject.request.binding.policy_digest), dice)
    return value, Case("policy_digest", (), subject.call(), value)


def _expiry(subject: Subject, dice: Random) -> tuple[Any, Case]:
    shift = timedelta(microseconds=dice.choice((1, 1000, 10**6, 10**9, 10**11, -(10**11))) * dice.randrange(1, 9))
    value = subject.request.expires_at + shift
    changed = ("UPDATE proctor.request SET expires_at = $2 WHERE id = $1", (subject.request.id, value))
    return value, Case("expires_at", (changed,), subject.call())


def _process(subject: Subject, dice: Random) -> tuple[Any, Case]:
    known = subject.request.process
    assert known is not None
    made = known
    while made == known:
        stages = [Stage(role=dice.choice(("approver", "owner", "operator")), count=dice.randrange(1, 4),
                        name=dice.choice(("", "desk", "finance"))) for _ in range(dice.randrange(4))]  # fmt: skip
        made = ApprovalProcess(stages=tuple(stages), is_signed=dice.random() < 0.3, may_grant=known.may_grant)
    changed = ("UPDATE proctor.request SET process = $2 WHERE id = $1",
               (subject.request.id, made.model_dump(mode="json")))  # fmt: skip
    return made.digest(), Case("process_sha256", (changed,), subject.call())


_BOUND: dict[str, Callable[[Subject, Random], tuple[Any, Case]]] = {
    "run_id": _run,
    "step": _place("step"),
    "call": _place("call"),
    "tenant": _of_run("tenant"),
    "agent": _of_run("agent"),
    "requester": _of_run("requester"),
    "tool": _of_call("tool", "tool"),
    "tool_version": _of_call("tool_version", "tool_version"),
    "arguments_sha256": _arguments,
    "target": _target,
    "policy_digest": _policy,
    "expires_at": _expiry,
    "process_sha256": _process,
}


def _approver(subject: Subject, dice: Random) -> list[Statement]:
    others = ("rita", SECOND.name, _text(APPROVER.name, dice))
    roles = dice.choice((["owner"], ["operator"], ["approver", "owner"], ["escalated"], []))
    changes = (("by", dice.choice(others)), ("on_behalf_of", dice.choice(others)), ("roles", roles))
    return [_decision(subject, *dice.choice(changes))]


def _decision_row(subject: Subject, dice: Random) -> list[Statement]:
    gone = ("DELETE FROM proctor.decision WHERE request_id = $1", (subject.request.id,))
    later = f"at + interval '{dice.randrange(1, 10**6)} microseconds'"
    moved = (f"UPDATE proctor.decision SET at = {later} WHERE request_id = $1", (subject.request.id,))
    word = _decision(subject, "word", dice.choice(("deny", "edit", "answer", "happened")))
    known = str(subject.request.binding and subject.request.binding.digest())
    digest = _decision(subject, "binding_digest", _hex(known, dice))
    names = "UPDATE proctor.decision SET id = $2 || n WHERE request_id = $1"
    renamed = (names, (subject.request.id, _text("dec-0123456789ab", dice)))
    return [dice.choice((gone, moved, word, digest, renamed, _decision(subject, "applied", False)))]


_DECIDED: dict[str, Callable[[Subject, Random], list[Statement]]] = {"approver": _approver, "decision": _decision_row}


def _signature(subject: Subject, dice: Random) -> list[Statement]:
    key = subject.signers[dice.choice((APPROVER.name, SECOND.name))].public_key
    texts = {"signature": _text("A" * 86, dice), "key_id": _text("0123456789abcdef", dice)}
    texts |= {"reason": _text("as agreed", dice), "answer": _text("yes", dice)}
    column = dice.choice(list(texts))
    of_key = "UPDATE proctor.approver_key SET {} WHERE principal = $1"
    altered_keys = (
        (of_key.format("public_key = $2"), (APPROVER.name, _text(key, dice))),
        (of_key.format("principal = $2"), (APPROVER.name, _text(APPROVER.name, dice))),
        (of_key.format("revoked_at = added_at"), (APPROVER.name,)),
        (of_key.format("valid_from = now() + interval '1 d'"), (APPROVER.name,)),
    )
    return [dice.choice((_decision(subject, column, texts[column]), *altered_keys))]


_SIGNED: dict[str, Callable[[Subject, Random], list[Statement]]] = {"signature": _signature}
