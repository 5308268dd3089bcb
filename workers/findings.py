"""What `proctor doctor` says of each thing that it looked at."""

from enum import StrEnum

from pydantic import computed_field

from proctor.contracts.base import Contract


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(Contract):
    """One thing that was looked at."""

    name: str
    state: State
    detail: str
    remedy: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether one can work with it; a warning does not keep one from working."""
        return self.state is not State.FAIL
