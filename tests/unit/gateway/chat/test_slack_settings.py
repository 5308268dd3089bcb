"""What the environment may say of Slack, and that none of its secrets is shown."""

import pytest

from gateway.chat.slack_settings import SLACK_API, SlackSettings
from proctor.contracts.errors import InvalidInput
from proctor.contracts.labels import Confidentiality

GOOD = {
    "PROCTOR_SLACK_BOT_TOKEN": "xoxb-hunter2",
    "PROCTOR_SLACK_APP_TOKEN": "xapp-hunter2",
    "PROCTOR_SLACK_SIGNING_SECRET": "hunter2",
    "PROCTOR_SLACK_CHANNEL": "C0123456789",
}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PROCTOR_SLACK_BOT_TOKEN": ""}, "PROCTOR_SLACK_BOT_TOKEN"),
        ({"PROCTOR_SLACK_BOT_TOKEN": "xapp-hunter2"}, "PROCTOR_SLACK_BOT_TOKEN"),
        ({"PROCTOR_SLACK_APP_TOKEN": "xoxb-hunter2"}, "PROCTOR_SLACK_APP_TOKEN"),
        ({"PROCTOR_SLACK_CHANNEL": ""}, "PROCTOR_SLACK_CHANNEL"),
        ({"PROCTOR_SLACK_CHANNEL": "#approvals"}, "PROCTOR_SLACK_CHANNEL"),
        ({"PROCTOR_SLACK_APP_TOKEN": "", "PROCTOR_SLACK_SIGNING_SECRET": " "}, "PROCTOR_SLACK_SIGNING_SECRET"),
        ({"PROCTOR_SLACK_API_URL": "http://slack.example.org/api/"}, "PROCTOR_SLACK_API_URL"),
        ({"PROCTOR_SLACK_API_URL": "http://localhost.evil.example:80/"}, "PROCTOR_SLACK_API_URL"),
        ({"PROCTOR_SLACK_MAY_SEE": "everything"}, "PROCTOR_SLACK_MAY_SEE"),
        ({"PROCTOR_SLACK_MAY_SEE": "secret"}, "PROCTOR_SLACK_MAY_SEE"),
    ],
)
def test_a_setting_of_slack_that_cannot_be_used_is_named_without_its_secret(change: dict[str, str], named: str) -> None:
    """A channel by its name, tokens in each other's place, plain http, and a room that may see secrets."""
    with pytest.raises(InvalidInput) as refused:
        SlackSettings.load({**GOOD, **change})
    assert named in refused.value.diagnostics()
    assert "hunter2" not in refused.value.diagnostics()


def test_slack_is_set_up_by_either_way_in_and_shows_no_secret() -> None:
    """What is left out has the safe value; without anything there is no Slack."""
    found = SlackSettings.load({**GOOD, "PROCTOR_SLACK_API_URL": "https://slack-gov.example/api"})
    assert found is not None
    assert ("https://slack-gov.example/api/", Confidentiality.INTERNAL) == (found.api_url, found.may_see)
    assert "hunter2" not in repr(found)
    for one in ("PROCTOR_SLACK_APP_TOKEN", "PROCTOR_SLACK_SIGNING_SECRET"):
        left = SlackSettings.load({name: value for name, value in GOOD.items() if name != one})
        assert left is not None
        assert SLACK_API == left.api_url
    assert SlackSettings.load({"PROCTOR_SLACK_MAY_SEE": "pii"}) is None
