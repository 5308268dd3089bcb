"""What a run is told that stops."""

from proctor.contracts.kill import Fence
from proctor.contracts.steps import CallRef


class StopNotice(Fence):
    """Which fence stopped a run, and what of its own must still be settled.

    `lost` is set only where there is any: workers of before know a fence, and go on where nothing was lost.
    """

    lost: tuple[CallRef, ...] = ()
    """Newest first. Their worker was lost, with their answers."""
