"""Worker processes as an operator runs them: real processes, real signals, real endpoints."""

from tests.integration.temporal.conftest import temporal

__all__ = ["temporal"]
