"""What an operator sees of a run in the Temporal UI (row O9)."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import search_attributes as attributes
    from workflows.state import TaskState


def show(state: TaskState) -> None:
    """Show where the run stands. Details cost no event; attributes cost one, so only a change of status sets them."""
    workflow.set_current_details(state.details())
    shown = workflow.info().typed_search_attributes.get(attributes.STATUS)
    if shown == state.status.value:
        return
    workflow.upsert_search_attributes(
        [
            attributes.STATUS.value_set(state.status.value),
            attributes.PENDING_APPROVALS.value_set(0 if state.waiting is None else 1),
            attributes.ITERATION.value_set(state.step),
            attributes.COST_USD.value_set(float(state.cost_usd)),
        ]
    )
