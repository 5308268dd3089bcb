"""What Temporal is told of an error."""

import pytest
from temporalio.exceptions import ApplicationError

from activities.boundary import speaks_temporal
from proctor.contracts.steps import CallReport

PERSONAL = "anna@example.org"


async def test_record_that_does_not_fit_its_model_is_named_and_never_quoted() -> None:
    """It may hold what is a person's; errors end in logs, spans and Temporal's history."""

    @speaks_temporal
    async def read() -> CallReport:
        return CallReport.model_validate({"status": PERSONAL, "more": PERSONAL})

    with pytest.raises(ApplicationError, match="status") as raised:
        await read()
    assert raised.value.non_retryable
    assert PERSONAL not in f"{raised.value} {raised.value.__cause__}"
