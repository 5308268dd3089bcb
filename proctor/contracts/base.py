"""The base of every model that crosses a boundary."""

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """Frozen, and closed: a field that it does not know is an error, never ignored, that quotes no value.

    Errors end in logs, spans and Temporal's history.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
