"""The run journal: each part of a run's life has a module of its own."""

from proctor.store.closing import ClosingJournal
from proctor.store.compensating import CompensationJournal
from proctor.store.dispatch import DispatchJournal
from proctor.store.peoples_calls import PeoplesCallsJournal


class PostgresRunJournal(PeoplesCallsJournal, DispatchJournal, CompensationJournal, ClosingJournal):
    """Implements `RunJournal`."""
