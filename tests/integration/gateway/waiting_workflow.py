"""A workflow of the real name that only waits, so that the engine adapter is tested apart from the agent's loop."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from proctor.contracts.run import RunStart
    from proctor.contracts.wire import REQUEST_DECIDED, WORKFLOW_TYPE, RequestDecided


@workflow.defn(name=WORKFLOW_TYPE)
class WaitingWorkflow:
    """Goes on as new once, then waits for a decision, and gives a head as its result."""

    def __init__(self) -> None:
        """Begin without a decision."""
        self.decided: list[str] = []

    @workflow.run
    async def run(self, start: RunStart) -> dict[str, object]:
        """Wait for one decision."""
        await workflow.wait_condition(lambda: bool(self.decided))
        if self.decided == ["again"]:
            workflow.continue_as_new(start)
        return {"decided": self.decided, "head": {"n": 4, "hash": "cd" * 32}}

    @workflow.signal(name=REQUEST_DECIDED)
    def request_decided(self, message: RequestDecided) -> None:
        """Take a decision."""
        self.decided.append(message.decision_id)


@workflow.defn(name="Broken")
class BrokenWorkflow:
    """Fails every workflow task, as code does that does not fit its history: no cancel ever reaches it."""

    @workflow.run
    async def run(self) -> None:
        """Raise what fails the task and not the workflow."""
        raise RuntimeError("this code does not fit")
