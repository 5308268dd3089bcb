"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes of the measurements; every single one takes at most two minutes."""

    history_calls: tuple[int, ...] = (20, 100, 1000)
    lone_calls: int = 220
    warm_up_calls: int = 20
    tasks: int = 50
    calls_per_task: int = 20
    rounds: int = 3
    waiting_runs: int = 2000
    attempts: int = 20
    """Of each latency that is measured one by one."""
    random_kills: int = 200
    alterations: int = 100
    """Of each bound field of an approved request."""
    races: int = 500


FULL = Scale()
QUICK = Scale(
    history_calls=(20, 100),
    lone_calls=60,
    rounds=1,
    waiting_runs=200,
    attempts=3,
    random_kills=12,
    alterations=10,
    races=50,
)
