"""The base of every model that crosses a boundary."""

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """Frozen, and closed: a field that it does not know is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")
