"""What does not fit a form is told to people, not to programmers."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from gateway.front_models import ApiKeyOrder, TaskOrder
from gateway.problems import Problem, ProblemDetail, error_of
from gateway.unfitting import misfit_of
from proctor.contracts.outside import HookOrder, ScheduleOrder, WebhookOrder

HOOK = {"name": "tickets", "agent": "triage", "tenant": "default", "principal": "tickets"}
SCHEDULE = {**HOOK, "input": {}}
NAME = "lower-case letters, digits, dashes and underscores, at most 63, beginning with a letter or digit"


@pytest.mark.parametrize(
    ("form", "given", "said"),
    [
        (HookOrder, HOOK | {"name": "Tick ets"}, f"name: must be {NAME}"),
        (HookOrder, HOOK | {"scheme": "stndard"}, "scheme: must be 'standard' or 'github'; did you mean `standard`?"),
        (HookOrder, HOOK | {"scheme": 7}, "scheme: must be 'standard' or 'github'"),
        (HookOrder, HOOK | {"every": 1}, "every: is not known here"),
        (ScheduleOrder, SCHEDULE, "timing: is missing"),
        (ScheduleOrder, SCHEDULE | {"timing": {}}, "timing: say either `cron` or `every_s`"),
        (ScheduleOrder, SCHEDULE | {"timing": {"every_s": "x"}}, "timing every_s: must be a whole number"),
        (WebhookOrder, {"url": "u", "kinds": ["run_close"]}, "no event is of kind run_close; did you mean run_closed?"),
        (TaskOrder, {"agent": "a", "input": 1, "goal": "x" * 2001}, "goal: must have at most 2000 characters"),
    ],
)
def test_what_does_not_fit_is_said_with_what_would(form: type[BaseModel], given: dict[str, Any], said: str) -> None:
    """No pattern, and none of the words that a library has for it."""
    with pytest.raises(ValidationError) as caught:
        form.model_validate(given)
    assert said == misfit_of(caught.value).message


def test_a_member_of_a_list_is_counted_from_one() -> None:
    """The second of two roles is number 2."""
    with pytest.raises(ValidationError) as caught:
        ApiKeyOrder.model_validate({"roles": ["owner", "approvr"]})
    assert misfit_of(caught.value).message.startswith("roles 2: must be 'requester'")


def test_whoever_wrote_a_file_hears_nothing_of_a_body() -> None:
    """A gateway says which part of the request is wrong; a command sent the file as its body."""
    details = (ProblemDetail(where="body", what="say when"), ProblemDetail(where="body.name", what="is missing"))
    problem = Problem(type="urn:proctor:problem:invalid-request", title="It does not fit", status=422, errors=details)
    assert "It does not fit: say when; name: is missing" == error_of(problem).message
