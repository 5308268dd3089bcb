"""The frame of a run: opening, waiting for people, stopping, closing."""

from temporalio import activity

from activities.bench import PolicyShelf
from activities.boundary import speaks_temporal
from proctor.contracts.ports import RunJournal
from proctor.contracts.run import Ending, OpenedRun, RequestRef, RequestStanding, RunOutcome, RunStart
from proctor.contracts.stopping import StopNotice


class RunActivities:
    """Everything a run asks of the store besides planning and acting."""

    def __init__(self, journal: RunJournal, policies: PolicyShelf) -> None:
        """Take the ports."""
        self._journal, self._policies = journal, policies

    @activity.defn
    @speaks_temporal
    async def open_run(self, start: RunStart) -> OpenedRun:
        """Pin policy beside the manifest and the tools that admission pinned."""
        return await self._journal.open_run(start.run_id, self._policies.digest_of)

    @activity.defn
    @speaks_temporal
    async def read_request(self, ref: RequestRef) -> RequestStanding:
        """Read the truth behind a signal or a deadline (rule 6)."""
        return await self._journal.read_request(ref)

    @activity.defn
    @speaks_temporal
    async def acknowledge_cancel(self, start: RunStart) -> StopNotice:
        """Learn which kill stopped the run; one that Temporal's own cancel began is fenced here."""
        fence = await self._journal.acknowledge_cancel(start.run_id)
        notice = StopNotice(**fence.model_dump(exclude_unset=True))
        lost = tuple(await self._journal.lost_calls(start.run_id))
        return notice.model_copy(update={"lost": lost}) if lost else notice

    @activity.defn
    @speaks_temporal
    async def close_run(self, ending: Ending) -> RunOutcome:
        """End the run: status, receipt and last audit record."""
        run, head = await self._journal.close_run(ending.run_id, ending.status, ending.reason)
        return RunOutcome(status=run.status, reason=run.status_reason, report_digest=run.report_digest, head=head)
