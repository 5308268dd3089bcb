"""Where work comes in: a request is checked, accepted in the store, and its workflow started."""

from dataclasses import dataclass

from gateway.engine import RunEngine
from gateway.policy_changes import PolicyChanges
from proctor.contracts.canonical import canonical_json
from proctor.contracts.errors import InvalidInput, NotAuthorised, OversizeInput, Refused
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import IDEMPOTENCY_KEY
from proctor.contracts.manifest import AgentBundle, AgentManifest
from proctor.contracts.ports import Admissions
from proctor.contracts.run import MAX_INPUT_BYTES, RunRecord, TaskRequest
from proctor.contracts.schemas import problems


@dataclass(frozen=True)
class Submission:
    """An accepted request. `is_new` is False when its idempotency key named a run that exists."""

    record: RunRecord
    is_new: bool


async def submit(
    request: TaskRequest,
    bundle: AgentBundle,
    *,
    by: Principal,
    admissions: Admissions,
    engine: RunEngine,
    changes: PolicyChanges,
) -> Submission:
    """Accept a request and start its workflow.

    Nothing is accepted unless every check holds and the engine answers. Should the engine go away between the row
    and the start, the run stays accepted, and the sweep of any worker starts it.

    Raises:
        NotAuthorised: `by` is not the requester, or lacks the role `requester`.
        InvalidInput: the key or the input cannot be used; `OversizeInput` beyond `MAX_INPUT_BYTES`.
        Refused: the agent has no owner or no planner, or its policy allows more than the active one and nobody
            approved that; `Fenced` when a kill covers it.
        Unavailable: store or engine do not answer.

    """
    _check_requester(request, by)
    _check_agent(bundle.manifest)
    _check_key(request.idempotency_key)
    _check_input(request, bundle.manifest)
    await engine.ping()
    await changes.ensure_active(bundle, by.name)
    record, is_new = await admissions.admit(request, bundle)
    if not record.status.is_end:
        await engine.start(record)
    return Submission(record=record, is_new=is_new)


def _check_requester(request: TaskRequest, by: Principal) -> None:
    if request.requester != by.name:
        raise NotAuthorised(f"{by.name} cannot ask in the name of {request.requester}", hint="ask in your own name")
    if Role.REQUESTER not in by.roles:
        raise NotAuthorised(
            f"{by.name} may not start runs", hint=f"`proctor principals add {by.name} --role requester` allows it"
        )


def _check_agent(manifest: AgentManifest) -> None:
    if not manifest.owner:
        raise Refused(f"agent {manifest.name} has no owner and does not run", hint="name one person in its manifest")
    if manifest.planner is None:
        raise Refused(f"agent {manifest.name} has no planner", hint="add a playbook or a model to its manifest")


def _check_key(key: str) -> None:
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidInput(
            f"idempotency key {key[:120]!r} cannot be used",
            hint="use 1 to 100 letters, digits, dots, underscores and dashes; begin with a letter or digit",
        )


def _check_input(request: TaskRequest, manifest: AgentManifest) -> None:
    size = len(canonical_json(request.input))
    if size > MAX_INPUT_BYTES:
        raise OversizeInput(
            f"the input has {size} bytes; at most {MAX_INPUT_BYTES} are taken", hint="pass a reference to large content"
        )
    found = problems(manifest.input_schema, request.input)
    if found:
        raise InvalidInput(
            f"the input does not fit agent {manifest.name}: {'; '.join(found)}",
            hint=f"`proctor agents show {manifest.name}` prints the schema",
        )
