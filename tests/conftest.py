"""In which order files are tested; how long a generated example may take."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("counts, not seconds", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("counts, not seconds")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with files that take long: at the end, one of them would leave the other processes without work."""
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow)
