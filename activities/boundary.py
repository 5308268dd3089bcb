"""The one place where our errors become Temporal's."""

import functools
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import ParamSpec, TypeVar

from pydantic import ValidationError
from temporalio.exceptions import ApplicationError

from proctor.contracts.errors import NoRoom, PlannerUnavailable, ProctorError

Params = ParamSpec("Params")
Result = TypeVar("Result")


def as_application_error(error: ProctorError) -> ApplicationError:
    """Convert one of our errors: its class is the type, and the class says whether it may be retried."""
    after = error.retry_after_s if isinstance(error, PlannerUnavailable | NoRoom) else None
    return ApplicationError(
        error.diagnostics(),
        type=type(error).__name__,
        non_retryable=not error.retryable,
        next_retry_delay=None if after is None else timedelta(seconds=after),
    )


def speaks_temporal(method: Callable[Params, Awaitable[Result]]) -> Callable[Params, Awaitable[Result]]:
    """Let an activity raise our errors. A document that does not fit its model never gets better by trying again."""

    @functools.wraps(method)
    async def wrapped(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        try:
            return await method(*args, **kwargs)
        except ProctorError as error:
            raise as_application_error(error) from error
        except ValidationError as error:
            raise ApplicationError(str(error), type="ValidationError", non_retryable=True) from error

    return wrapped
