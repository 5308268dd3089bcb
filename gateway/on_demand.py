"""Parts that are made when they are first used: most commands read the store and need no other part."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

Part = TypeVar("Part")


class _OnDemand(Generic[Part]):
    """Stands for a part until somebody uses it."""

    def __init__(self, make: Callable[[], Part]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Part:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


def on_demand(make: Callable[[], Part]) -> Part:
    """Give what stands for the part that `make` makes, once, at the first use of any of its attributes."""
    return cast("Part", _OnDemand(make))
