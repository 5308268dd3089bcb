"""Runs as people see them, through the installed command on the real stack."""

from tests.acceptance.conftest import Product
from tests.acceptance.witness import attempts, recorded


def test_a_run_completes_and_each_effect_happens_once(product: Product) -> None:
    """Every effect has its own key from the recorded plan, and one effect."""
    done = product.call(
        "run", "prober", "--input", "-", "--idempotency-key", "once", stdin={"try": "append", "times": 3}
    )
    assert done.returncode == 0, done.stderr
    mine = [entry for entry in recorded(product.witness) if entry[0].startswith("once/")]
    assert [(f"once/{n}/0", f"item {n}") for n in range(3)] == mine


def test_the_same_key_names_the_same_run(product: Product) -> None:
    """A caller that asks twice gets one run, and another request under the key is refused."""
    first = product.call(
        "run", "prober", "--input", "-", "--idempotency-key", "twice", stdin={"try": "append", "times": 1}
    )
    again = product.call(
        "run", "prober", "--input", "-", "--idempotency-key", "twice", stdin={"try": "append", "times": 1}
    )
    other = product.call(
        "run", "prober", "--input", "-", "--idempotency-key", "twice", stdin={"try": "append", "times": 2}
    )
    assert (first.returncode, again.returncode, other.returncode) == (0, 0, 2)
    assert len([key for key, _ in recorded(product.witness) if key.startswith("twice/")]) == 1


def test_an_approval_is_bound_decided_and_consumed_once(product: Product) -> None:
    """The effect waits for a person other than the requester; a second word on it changes nothing."""
    run_id = product.detach("approved")
    request = product.wait_for_request(run_id)
    assert product.call("approve", request).returncode == 4, "the requester approved its own request"
    assert not [key for key, _ in recorded(product.witness) if key.startswith(run_id)]
    assert product.call("approve", request, "--as", "demo.approver").returncode == 0
    assert product.wait_for_end(run_id) == 0
    late = product.call("deny", request, "--reason", "too late", "--as", "maria.ops")
    assert late.returncode != 0
    assert len([key for key, _ in recorded(product.witness) if key.startswith(run_id)]) == 1
    assert "approval_consumed" in product.kinds(run_id)


def test_a_denial_ends_the_run_as_denied(product: Product) -> None:
    """The agent is told, does not act, and the exit code says that a person said no."""
    run_id = product.detach("approved")
    request = product.wait_for_request(run_id)
    assert product.call("deny", request, "--reason", "not today", "--as", "demo.approver").returncode == 0
    assert product.wait_for_end(run_id) == 3
    assert not [key for key, _ in recorded(product.witness) if key.startswith(run_id)]
    assert (
        "not today" in product.call("show", run_id, "--output", "json").stdout + product.call("explain", run_id).stdout
    )


def test_what_is_out_of_scope_is_denied_and_nothing_happens(product: Product) -> None:
    """Policy's no has its own exit code, and the denial is on record."""
    done = product.call("run", "prober", "--input", "-", stdin={"try": "scope"})
    assert done.returncode == 6, done.stderr
    assert "DropDatabase" in done.stdout + done.stderr


def test_a_failed_run_takes_back_what_it_did_in_reverse(product: Product) -> None:
    """Rule 4, and rule 9: the failing tool is tried a bounded number of times."""
    before = attempts(product.witness)
    done = product.call("run", "prober", "--input", "-", "--idempotency-key", "saga", stdin={"try": "saga"})
    assert done.returncode == 5, done.stderr
    happened = [what for key, what in recorded(product.witness) if key.startswith("saga/")]
    assert happened == ["first", "second", "undo of saga/1/0", "undo of saga/0/0"]
    assert attempts(product.witness) - before == 3


def test_a_worker_killed_between_effect_and_completion_resumes_without_a_second_effect(product: Product) -> None:
    """Rule 1 under kill -9: the intent is found, and the same key is sent again."""
    done = product.call("run", "prober", "--input", "-", "--idempotency-key", "dies", stdin={"try": "die"})
    assert done.returncode == 0, done.stderr
    assert [entry for entry in recorded(product.witness) if entry[0].startswith("dies/")] == [("dies/0/0", "survives")]


def test_an_unknown_outcome_goes_to_a_person_and_is_never_repeated(product: Product) -> None:
    """Rule 2: a tool without key or probe is not called again; the person's word settles the ledger."""
    run_id = product.detach("die_blind")
    request = product.wait_for_request(run_id)
    assert (
        product.call("settle", request, "--happened", "--as", "olga.owner").returncode == 0
        or product.call("settle", request, "--happened", "--as", "maria.ops").returncode == 0
    )
    assert product.wait_for_end(run_id) == 0
    assert len([key for key, _ in recorded(product.witness) if key.startswith(run_id)]) == 1


def test_a_loop_without_progress_is_stopped_with_that_reason(product: Product) -> None:
    """The bound that ended the run is the reason that people read."""
    done = product.call("run", "prober", "--input", "-", stdin={"try": "loop"})
    assert done.returncode == 5
    assert "no_progress" in done.stderr


def test_a_question_waits_for_an_answer(product: Product) -> None:
    """The run goes on with a person's words."""
    run_id = product.detach("ask")
    request = product.wait_for_request(run_id)
    assert product.call("answer", request, "green", "--as", "demo.approver").returncode == 0
    assert product.wait_for_end(run_id) == 0
    assert "green" in product.call("watch", run_id, "--output", "table").stdout


def test_a_kill_stops_a_running_tool_and_tells_the_truth(product: Product) -> None:
    """The tool ends unfinished, what came before is taken back, and the receipt names both."""
    run_id = product.detach("slow")
    _until_begun(product, run_id)
    done = product.call("kill", run_id, "--reason", "drill", "--output", "json")
    assert done.returncode == 0 or "unknown" in done.stdout, done.stderr
    happened = [what for key, what in recorded(product.witness) if key.startswith(run_id)]
    assert ["before", "begun", f"undo of {run_id}/0/0"] == happened
    assert product.wait_for_end(run_id) == 3


def test_nothing_starts_under_a_kill_until_a_second_person_releases_it(product: Product) -> None:
    """The fence closes admission, and whoever raised it cannot lift it."""
    done = product.call("kill", "--agent", "prober", "--reason", "drill", "--output", "json")
    assert done.returncode == 0, done.stderr
    epoch = str(product.ask("fences")[-1]["epoch"])
    try:
        assert product.call("run", "prober", "--input", "-", stdin={"try": "append", "times": 1}).returncode == 6
        assert product.call("release", epoch).returncode == 4
    finally:
        assert product.call("release", epoch, "--as", "second.operator").returncode == 0
    assert product.call("run", "prober", "--input", "-", stdin={"try": "append", "times": 1}).returncode == 0


def test_every_trail_is_proven(product: Product) -> None:
    """After all of the above, every record is where its witnesses saw it."""
    done = product.call("audit", "verify", "--all")
    assert done.returncode == 0, done.stdout + done.stderr


def _until_begun(product: Product, run_id: str) -> None:
    import time

    for _ in range(200):
        if any(what == "begun" for key, what in recorded(product.witness) if key.startswith(run_id)):
            return
        time.sleep(0.1)
    raise AssertionError("the slow tool never began")
