"""Windows over history: what is counted, and that no limit on it is ever passed."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from proctor.contracts.canonical import canonical_json, digest_json
from proctor.contracts.decision import Decision, RecordedDecision, Verdict
from proctor.contracts.dispatching import Admitted, LiveFacts, Refusal
from proctor.contracts.governing import WindowQuery
from proctor.contracts.ids import ToolName
from proctor.contracts.planning import CallsProposal, Proposal, ProposedCall
from proctor.contracts.run import RunStatus
from proctor.contracts.steps import PlannedCall, PlanRecord, StepPlan
from proctor.contracts.tool import Confirmed, Effect, Failed, Unknown
from proctor.store.postgres import PostgresStore
from tests.integration.store.scenes import ALLOW, DENY, FakeJudge, Scene, decision, open_scene

LIMIT = 500
DAY_S = 86_400


def window(measure: str = "sum", **fields: Any) -> WindowQuery:
    """Ask for a window over `Restart`, per agent, of a day."""
    values = {"name": "spent", "measure": measure, "tools": ("Restart",), "within_s": DAY_S, "per": "agent"}
    if measure == "sum":
        values["argument"] = ("order", "amount")
    return WindowQuery.model_validate({**values, **fields})


@dataclass(frozen=True)
class Book:
    """Plans and begins calls with arguments of their own."""

    scene: Scene

    @classmethod
    async def open(cls, store: PostgresStore, key: str = "run1", **fields: Any) -> "Book":
        return cls(await open_scene(store, key, **fields))

    @property
    def journal(self) -> Any:
        return self.scene.store.journal

    async def plan(self, *amounts: Any, step: int = 0, tool: str = "Restart", customer: str = "bo") -> None:
        """Record a step with one call per amount."""
        arguments = [{"order": {"amount": amount}, "customer": customer} for amount in amounts]
        calls = tuple(ProposedCall(tool=ToolName(tool), arguments=one) for one in arguments)
        proposal = Proposal(proposed=CallsProposal(calls=calls))
        decisions = tuple(
            RecordedDecision(call=n, decision=decision(Verdict.ALLOW), arguments_digest=digest_json(one))
            for n, one in enumerate(arguments)
        )
        planned = tuple(
            PlannedCall(call=n, tool=call.tool, effect=Effect.WRITE, verdict=Verdict.ALLOW, fingerprint="f" * 16)
            for n, call in enumerate(calls)
        )
        plan = StepPlan(step=step, kind="calls", calls=planned)
        record = PlanRecord(run_id=self.scene.run_id, step=step, proposal=proposal, decisions=decisions, plan=plan)
        await self.journal.record_plan(record, [])

    async def spend(self, *amounts: Any, step: int = 0, **options: Any) -> None:
        """Record calls and write their intents."""
        await self.plan(*amounts, step=step, **options)
        for n in range(len(amounts)):
            assert isinstance(await self.journal.begin_effect(self.scene.call(step, n), ALLOW), Admitted)

    async def answers(self, *queries: WindowQuery) -> dict[str, Decimal | None]:
        """Ask the store as planning does."""
        run = await self.scene.store.archive.run(self.scene.run_id)
        return {answer.name: answer.value for answer in await self.journal.windows(run, queries)}

    async def spent(self, query: WindowQuery | None = None) -> Decimal | None:
        """Give the answer to one window."""
        (value,) = (await self.answers(query or window())).values()
        return value


def limited(amount: int, query: WindowQuery | None = None) -> FakeJudge:
    """Make a judge that allows a call of `amount` as long as the window stays within the limit."""

    def decide(live: LiveFacts) -> Decision:
        (answer,) = live.windows
        assert answer.value is not None
        return decision(Verdict.ALLOW if answer.value + amount <= LIMIT else Verdict.DENY)

    return FakeJudge(decide, (query or window(),))


def admitted(begun: Iterable[object]) -> int:
    """Count the calls that may be dispatched."""
    return sum(isinstance(one, Admitted) for one in begun)


@pytest.mark.parametrize("per", ["agent", "requester", "tenant"])
async def test_no_limit_is_passed_by_calls_at_the_same_time(store: PostgresStore, per: str) -> None:
    """Of ten runs that each see room for themselves alone, exactly as many spend as the limit has room for."""
    books = [await Book.open(store, f"run{n}") for n in range(10)]
    for book in books:
        await book.plan(150)
    judge = limited(150, window(per=per))
    begun = await asyncio.gather(*(book.journal.begin_effect(book.scene.call(), judge) for book in books))
    assert 3 == admitted(begun)
    assert 450 == await books[0].spent(window(per=per))


async def test_windows_of_other_names_over_the_same_calls_wait_for_each_other(store: PostgresStore) -> None:
    """What is locked is what is counted, so that a second policy with a limit of its own does not slip through."""
    books = [await Book.open(store, f"run{n}") for n in range(10)]
    for book in books:
        await book.plan(150)
    judges = [limited(150, window(per="tenant", name=f"name{n}", tools=("Restart", "Page"))) for n in range(10)]
    begun = await asyncio.gather(
        *(book.journal.begin_effect(book.scene.call(), judge) for book, judge in zip(books, judges, strict=True))
    )
    assert 3 == admitted(begun)


async def test_two_windows_that_count_each_others_tool_let_one_call_through(store: PostgresStore) -> None:
    """Either tool, never both, holds for calls at the same time too."""

    def never_after(tool: str) -> FakeJudge:
        def decide(live: LiveFacts) -> Decision:
            return decision(Verdict.ALLOW if live.windows[0].value == 0 else Verdict.DENY)

        return FakeJudge(decide, (window("count", tools=(tool,)),))

    for n in range(5):
        tenant = f"t{n}"
        one, two = await Book.open(store, "a", tenant=tenant), await Book.open(store, "b", tenant=tenant)
        await one.plan(1, tool="Restart")
        await two.plan(1, tool="Page")
        begun = await asyncio.gather(
            one.journal.begin_effect(one.scene.call(), never_after("Page")),
            two.journal.begin_effect(two.scene.call(), never_after("Restart")),
        )
        assert 1 == admitted(begun)


async def test_calls_with_windows_and_a_kill_never_wait_for_each_other_in_a_circle(store: PostgresStore) -> None:
    """Fence, windows, run: one order for all, whatever windows a call has."""
    books = [await Book.open(store, f"run{n}") for n in range(8)]
    for book in books:
        await book.plan(*[1] * 5)
    queries = [window(name="a"), window("count", name="b", per="tenant"), window("last", name="c", per="run")]
    judge = [FakeJudge(lambda _: decision(Verdict.ALLOW), tuple(order)) for order in (queries, queries[::-1])]

    async def begin(n: int, call: int) -> object:
        return await books[n].journal.begin_effect(books[n].scene.call(0, call), judge[(n + call) % 2])

    begun = await asyncio.gather(*(begin(n, call) for n in range(8) for call in range(5)))
    assert 40 == admitted(begun)
    assert 40 == await books[0].spent()


async def test_only_effects_that_may_have_happened_count(store: PostgresStore) -> None:
    """Intended, confirmed and unknown ones do; a failed one gives its room back."""
    book = await Book.open(store)
    await book.spend(1, 2, 4, 8, 16)
    call, settle = book.scene.call, book.journal.settle_effect
    await settle(call(0, 1), Confirmed(), final=True)
    await settle(call(0, 2), Unknown(error="lost"), final=True)
    await settle(call(0, 3), Failed(error="no"), final=True)
    assert (1 + 2 + 4 + 16) == await book.spent()
    assert 4 == await book.spent(window("count"))


async def test_a_failed_attempt_counts_until_it_can_no_longer_be_tried_again(store: PostgresStore) -> None:
    """A further attempt is not judged anew, so that its room is not given to another call in between."""
    book, other = await Book.open(store), await Book.open(store, "run2")
    await book.spend(400)
    await book.journal.settle_effect(book.scene.call(), Failed(error="busy", retryable=True), final=False)
    await other.plan(150)
    assert isinstance(await other.journal.begin_effect(other.scene.call(), limited(150)), Refusal)
    assert isinstance(await book.journal.retry_effect(book.scene.call()), Admitted)
    await book.journal.settle_effect(book.scene.call(), Failed(error="busy", retryable=True), final=False)
    await book.journal.close_run(book.scene.run_id, RunStatus.KILLED, "stopped")
    assert 0 == await other.spent()


async def test_a_call_does_not_count_itself(store: PostgresStore) -> None:
    """A lost attempt that comes back finds its own intent, and no less room for it."""
    book, seen = await Book.open(store), list[LiveFacts]()
    await book.plan(300, 100)

    def look(live: LiveFacts) -> Decision:
        seen.append(live)
        return decision(Verdict.DENY)

    await book.journal.begin_effect(book.scene.call(), ALLOW)
    await book.journal.begin_effect(book.scene.call(0, 1), FakeJudge(look, (window(),)))
    assert (Decimal(300),) == tuple(answer.value for answer in seen[0].windows)
    read = await Book.open(store, "run2")
    await read.plan(7, tool="Look")
    judge = FakeJudge(look, (window("count", tools=("Look",)),))
    assert isinstance(await read.journal.begin_read(read.scene.call(), limited(7, window(tools=("Look",)))), Admitted)
    await read.journal.begin_read(read.scene.call(), judge)
    assert 0 == seen[-1].windows[0].value


@pytest.mark.parametrize(
    ("per", "expected"), [("run", 1), ("agent", 1 + 2 + 4), ("requester", 1 + 2), ("tenant", 1 + 2 + 4)]
)
async def test_windows_see_the_calls_of_their_scope_alone(store: PostgresStore, per: str, expected: int) -> None:
    """Run, agent, requester, tenant; and never another tenant's."""
    book = await Book.open(store)
    await book.spend(1)
    await (await Book.open(store, "run2")).spend(2)
    await (await Book.open(store, "run3", requester="boris")).spend(4)
    await (await Book.open(store, "run4", tenant="elsewhere")).spend(8)
    assert expected == await book.spent(window(per=per))


async def test_only_calls_within_the_duration_count(store: PostgresStore, dsn: str) -> None:
    """Time is the database's, from intent to now; `last` tells how long ago the newest was."""
    book = await Book.open(store)
    await book.spend(1, 2)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.effect SET intent_at = intent_at - interval '1 hour' WHERE call = 0")
    assert 2 == await book.spent(window(within_s=1800))
    assert 3 == await book.spent(window(within_s=7200))
    last = await book.spent(window("last"))
    assert last is not None
    assert 0 <= last < 60
    assert None is await book.spent(window("last", tools=("Page",)))
    assert {"n": 0, "s": 0} == await book.answers(
        window("count", name="n", tools=("Page",)), window(name="s", tools=("Page",))
    )


async def test_matching_arguments_are_compared_exactly(store: PostgresStore) -> None:
    """The same customer is the same JSON, whatever characters it has."""
    book = await Book.open(store)
    odd = 'zoë "\\u0000\x00☕'
    await book.spend(1, 2, step=0, customer=odd)
    await book.spend(4, step=1)
    for customer, expected in ((odd, 3), ("bo", 4), ("b", 0)):
        assert expected == await book.spent(window(same={"customer": canonical_json(customer).decode()}))
    both = {"customer": '"bo"', "order.amount": "4"}
    assert 1 == await book.spent(window("count", same=both))
    assert 0 == await book.spent(window("count", same={**both, "order.amount": "5"}))


async def test_sums_are_exact(store: PostgresStore) -> None:
    """Ten times 0.1 is 1."""
    book = await Book.open(store)
    await book.spend(*[0.1] * 10)
    assert Decimal(1) == await book.spent()


@pytest.mark.parametrize("amount", ["100", None, True, [1], {"a": 1}])
async def test_a_sum_over_what_is_no_number_has_no_answer(store: PostgresStore, amount: Any) -> None:
    """The fact is missing then, and policy denies; a count of the same calls is known."""
    book = await Book.open(store)
    await book.spend(1, amount)
    assert {"n": 2} == await book.answers(window(), window("count", name="n"))


async def test_altered_arguments_have_no_answer(store: PostgresStore, dsn: str) -> None:
    """A smaller number written into the store makes no room."""
    book = await Book.open(store)
    await book.spend(400)
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE proctor.content SET body = replace(body, '400', '4') WHERE body LIKE '%customer%'")
    assert {} == await book.answers(window())


async def test_reads_count_from_dispatch_or_from_their_record(store: PostgresStore) -> None:
    """A read whose own policy counts is noted before it is sent; any other with its result, failed or not."""
    book = await Book.open(store)
    await book.plan(1, 2, 3, 4, tool="Look")
    looked = window(tools=("Look",))
    assert isinstance(await book.journal.begin_read(book.scene.call(0, 0), limited(1, looked)), Admitted)
    assert 1 == await book.spent(looked)
    assert isinstance(await book.journal.begin_read(book.scene.call(0, 1), ALLOW), Admitted)
    await book.journal.record_read(book.scene.call(0, 1), Confirmed(result=1))
    await book.journal.record_read(book.scene.call(0, 2), Failed(error="sent, and no answer"))
    assert isinstance(await book.journal.begin_read(book.scene.call(0, 3), DENY), Refusal)
    assert 6 == await book.spent(looked)
    assert 6 == await book.spent(window(tools=("Look",), per="run"))
    await book.journal.record_read(book.scene.call(0, 0), Confirmed(result=1))
    assert 3 == await book.spent(window("count", tools=("Look",)))


async def test_reads_at_the_same_time_pass_no_limit(store: PostgresStore) -> None:
    """A read can leak, so that its window is locked as an effect's is."""
    books = [await Book.open(store, f"run{n}") for n in range(8)]
    for book in books:
        await book.plan(200, tool="Look")
    judge = limited(200, window(tools=("Look",)))
    begun = await asyncio.gather(*(book.journal.begin_read(book.scene.call(), judge) for book in books))
    assert 2 == admitted(begun)


async def test_compensations_do_not_count(store: PostgresStore) -> None:
    """Taking back is no use of what the window bounds; nor does it give room back."""
    book = await Book.open(store)
    await book.spend(100)
    await book.journal.settle_effect(book.scene.call(), Confirmed(result=1), final=True)
    assert isinstance(await book.journal.begin_compensation(book.scene.call()), Admitted)
    assert 0 == await book.spent(window("count", tools=("Rollback",)))
    assert 100 == await book.spent()


async def test_an_effect_of_a_worker_of_the_version_before_counts(store: PostgresStore, dsn: str) -> None:
    """It does not say whose it is; the database does."""
    book = await Book.open(store)
    await book.plan(70)
    with psycopg.connect(dsn) as connection:
        connection.execute("""
            INSERT INTO proctor.effect (key, run_id, step, call, kind, tool, state, attempt, intent_at, epoch)
            VALUES ('run1/0/0', 'run1', 0, 0, 'act', 'Restart', 'intent', 1, clock_timestamp(), 0)
        """)
    other = await Book.open(store, "run2")
    assert 70 == await other.spent()
