"""Process tools: what goes in, and what each ending of a process means for the outcome."""

from pathlib import Path
from typing import Any

import pytest

from proctor.contracts.credentials import CredentialUse
from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.contracts.ids import EffectKey, RunId, ToolName
from proctor.contracts.sandboxing import SandboxProfile
from proctor.contracts.tool import (
    Confirmed,
    Effect,
    Failed,
    ProcessImplementation,
    PythonImplementation,
    ToolContract,
    ToolInvocation,
    ToolOutcome,
)
from proctor.tools.process_adapter import ProcessAdapter, fill_command
from proctor.tools.python_adapter import PythonAdapter
from proctor.tools.sandbox.port import Proof, Ran
from proctor.tools.sandbox.proved import ProvedSandbox
from proctor.tools.sandboxed_python import SandboxedPython
from tests.integration.tools.fake_credentials import FakeCredentials
from tests.unit.sandbox.fake_sandbox import FakeSandbox
from tests.unit.tools.worlds import resources

ROOT = Path("/project")


def tool(*command: str, **fields: Any) -> ToolContract:
    implementation = ProcessImplementation(command=command or ("count",))
    return ToolContract(
        name=ToolName("Count"), input_schema={"type": "object"}, implementation=implementation, **fields
    )


def call(**arguments: Any) -> ToolInvocation:
    return ToolInvocation(run_id=RunId("run-1"), key=EffectKey("run-1/0/0"), arguments=arguments)


async def outcome(ran: Ran, **fields: Any) -> ToolOutcome:
    return await ProcessAdapter(FakeSandbox(ran), ROOT).invoke(tool(**fields), call())


async def test_arguments_go_in_as_json_and_the_result_comes_out() -> None:
    """An effect's key is in the environment; nothing else of the worker's is."""
    sandbox = FakeSandbox(Ran(why="exit", exit=0, stdout=b' {"n": 2}\n'))
    answer = await ProcessAdapter(sandbox, ROOT).invoke(tool("bin/count", "${arguments.what}"), call(what="a b"))
    assert isinstance(answer, Confirmed)
    assert ({"n": 2}, ("tool:Count",)) == (answer.result, answer.labels.sources)
    assert {
        "command": ["/project/bin/count", "a b"],
        "profile": SandboxProfile(),
        "timeout_s": 10.0,
        "stdin": b'{"what":"a b"}\n',
        "environment": {"PROCTOR_IDEMPOTENCY_KEY": "run-1/0/0"},
        "shows": [],
    } == sandbox.asked[0]


async def test_read_has_no_key_and_gets_its_credentials() -> None:
    """A secret goes into the environment of this call, in the form that the contract says."""
    sandbox = FakeSandbox()
    use = CredentialUse(name="desk", at="env:TOKEN", form="Bearer {secret}")
    adapter = ProcessAdapter(sandbox, ROOT, FakeCredentials({"desk": "s3cret"}))
    await adapter.invoke(tool(effect=Effect.READ, credentials=(use,)), call())
    assert {"TOKEN": "Bearer s3cret"} == sandbox.asked[0]["environment"]


async def test_credential_that_may_not_be_had_starts_nothing() -> None:
    """Neither without credentials, nor without this one."""
    use = CredentialUse(name="desk", at="env:TOKEN")
    for credentials in (None, FakeCredentials({})):
        sandbox = FakeSandbox()
        answer = await ProcessAdapter(sandbox, ROOT, credentials).invoke(tool(credentials=(use,)), call())
        assert (True, []) == (isinstance(answer, Failed), sandbox.asked)


@pytest.mark.parametrize(
    ("ran", "says", "retryable"),
    [
        (Ran(why="exit", exit=75, stderr=b"later"), "exit status 75 later", True),
        (Ran(why="exit", exit=1, stderr=b"no"), "exit status 1 no", False),
        (Ran(why="exit", exit=137), "exit status 137", False),
        (Ran(why="wall", exit=137), "within 10 s", True),
        (Ran(why="cpu", exit=137), "10 s of processor", False),
        (Ran(why="memory", exit=137), "256 MiB of memory", False),
        (Ran(why="output", exit=137), "256 KiB of output", False),
        (Ran(why="refused", exit=125, text="no such program"), "did not run: no such program", False),
        (Ran(why="stopped", exit=137), "did not run", False),
        (Ran(why="exit", exit=0, stdout=b"fine"), "not JSON", False),
    ],
)
@pytest.mark.parametrize("effect", list(Effect))
async def test_process_that_did_not_succeed_has_failed(ran: Ran, says: str, retryable: bool, effect: Effect) -> None:
    """Of an effect too: nothing leaves a sandbox, so nothing is unknown."""
    answer = await outcome(ran, effect=effect)
    assert isinstance(answer, Failed)
    assert (True, retryable) == (says in answer.error, answer.retryable)


@pytest.mark.parametrize(
    ("template", "value", "element"),
    [
        ("${arguments.v}", "a; rm -rf /", "a; rm -rf /"),
        ("--name=${arguments.v}", "-x", "--name=-x"),
        ("${arguments.v}", -3, "-3"),
        ("${arguments.v}", True, "true"),
        ("n${arguments.v}", 1.5, "n1.5"),
    ],
)
def test_argument_stays_one_element(template: str, value: Any, element: str) -> None:
    """No shell reads it, and an option that the command names may have any value."""
    assert ["do", element] == fill_command(("do", template), {"v": value})


@pytest.mark.parametrize("value", ["-x", "--output=/etc/passwd", "-", "a\0b", None, [1], {"a": 1}])
def test_argument_that_is_an_option_or_no_scalar_is_refused(value: Any) -> None:
    """What a model wrote must not become an option of the program."""
    with pytest.raises(InvalidInput):
        fill_command(("do", "${arguments.v}"), {"v": value})


def test_argument_after_the_end_of_options_may_begin_with_a_dash() -> None:
    """`--` says to the program that no option follows."""
    assert ["do", "--", "-x"] == fill_command(("do", "--", "${arguments.v}"), {"v": "-x"})


def test_missing_argument_is_refused() -> None:
    """An empty element would mean something else."""
    with pytest.raises(InvalidInput, match="missing"):
        fill_command(("do", "${arguments.v}"), {})


def test_credential_for_a_header_is_a_problem() -> None:
    """A process has no headers."""
    use = CredentialUse(name="desk", at="header:Authorization")
    assert ["env:NAME" in problem for problem in ProcessAdapter(FakeSandbox(), ROOT).problems(tool(credentials=(use,)))]


async def test_proof_is_taken_and_recorded_once_before_the_first_call() -> None:
    """Whoever calls first waits for it; nobody takes it twice."""
    inner, recorded = FakeSandbox(), []

    async def record(proof: Proof) -> None:
        assert [] == inner.asked
        recorded.append(proof)

    sandbox = ProvedSandbox(inner, record)
    for _ in range(2):
        await sandbox.run(["true"], SandboxProfile(), timeout_s=1)
    assert (1, 1, 2) == (inner.proofs, len(recorded), len(inner.asked))


async def test_sandbox_that_leaks_refuses_every_call() -> None:
    """The call comes back failed, with the reason, and so does the next."""
    inner = FakeSandbox(holds=False)

    async def record(proof: Proof) -> None:
        assert not proof.holds

    adapter = ProcessAdapter(ProvedSandbox(inner, record), ROOT)
    answers = [await adapter.invoke(tool(), call()) for _ in range(2)]
    assert (["Count: it leaks"] * 2, []) == ([getattr(answer, "error", "") for answer in answers], inner.asked)
    assert ["it leaks"] == adapter.problems(tool())


async def test_proof_that_cannot_be_recorded_starts_nothing() -> None:
    """It is tried again with the next call."""
    inner = FakeSandbox()

    async def record(proof: Proof) -> None:
        del proof
        raise Unavailable("the store does not answer")

    adapter = ProcessAdapter(ProvedSandbox(inner, record), ROOT)
    answer = await adapter.invoke(tool(), call())
    assert isinstance(answer, Failed)
    assert (True, []) == (answer.retryable, inner.asked)


async def test_sandboxed_function_is_never_imported_here() -> None:
    """Neither to call it nor to look at it: its module does not even exist."""
    implementation = PythonImplementation(function="no.such.module:function")
    contract = tool().model_copy(update={"implementation": implementation, "sandbox": SandboxProfile()})
    inner = FakeSandbox(Ran(why="exit", exit=0, stdout=b'{"value": 3}'))
    adapter = PythonAdapter(resources(), SandboxedPython(inner, ROOT))
    answer = await adapter.invoke(contract, call(a=1))
    assert isinstance(answer, Confirmed)
    assert ([], 3) == (adapter.problems(contract), answer.result)


async def test_sandboxed_function_is_not_called_where_there_is_no_sandbox() -> None:
    """Fail closed: never in this process instead."""
    implementation = PythonImplementation(function="os:getcwd")
    contract = tool().model_copy(update={"implementation": implementation, "sandbox": SandboxProfile()})
    answer = await PythonAdapter(resources()).invoke(contract, call())
    assert (True, 1) == (isinstance(answer, Failed), len(PythonAdapter(resources()).problems(contract)))


@pytest.mark.parametrize(
    "said", [b"5", b"[]", b"null", b'"error"', b"[" * 100_000, b'{"value":' * 900 + b"1" + b"}" * 900]
)
async def test_output_of_any_form_leaves_no_doubt(said: bytes) -> None:
    """A sandboxed function or command may write what it likes: it never makes the outcome unknown."""
    ran = Ran(why="exit", exit=0, stdout=said)
    implementation = PythonImplementation(function="no.such.module:function")
    function = tool().model_copy(update={"implementation": implementation, "sandbox": SandboxProfile()})
    for adapter, contract in (
        (PythonAdapter(resources(), SandboxedPython(FakeSandbox(ran), ROOT)), function),
        (ProcessAdapter(FakeSandbox(ran), ROOT), tool()),
    ):
        answer = await adapter.invoke(contract, call())
        assert answer.status in {"failed", "confirmed"}
        answer.model_dump_json()


@pytest.mark.parametrize("value", ["-inf", "-nan", "-infinity", "-1_0", "-x"])
def test_option_that_looks_like_a_number_is_refused(value: str) -> None:
    """`sed -inf` edits in place."""
    with pytest.raises(InvalidInput, match="reads as an option"):
        fill_command(("sed", "${arguments.it}"), {"it": value})
    assert ["sed", "-1.5e3"] == fill_command(("sed", "${arguments.it}"), {"it": "-1.5e3"})
