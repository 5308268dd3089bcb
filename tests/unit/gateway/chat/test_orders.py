"""Orders in a chat, and what the environment says of Slack."""

import pytest

from gateway.chat.orders import Order, explain_orders, read_order
from gateway.chat.slack_settings import SlackSettings
from proctor.contracts.errors import InvalidInput
from proctor.contracts.kill import KillScope

SET_UP = {"PROCTOR_SLACK_BOT_TOKEN": "xoxb-1", "PROCTOR_SLACK_APP_TOKEN": "xapp-1", "PROCTOR_SLACK_CHANNEL": "C1"}


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("", Order("help")),
        ("  RUNS ", Order("runs")),
        ("kill run-1 it runs wild", Order("kill", "run-1", "it runs wild")),
        ("kill agent fixer now", Order("kill", "fixer", "now", KillScope.AGENT)),
        ("kill tool Pay wrong account", Order("kill", "Pay", "wrong account", KillScope.TOOL)),
        ("kill tenant acme leak", Order("kill", "acme", "leak", KillScope.TENANT)),
        ("kill all fire", Order("kill", "", "fire", KillScope.ALL)),
        ("pause run-1", Order("pause", "run-1")),
        ("say run-1 be  careful\nplease", Order("say", "run-1", "be  careful\nplease")),
        ("deny req-1 too much", Order("deny", "req-1", "too much")),
        ("approve req-1", Order("approve", "req-1")),
    ],
)
def test_orders_are_read(text: str, order: Order) -> None:
    """As `help` lists them."""
    assert order == read_order(text)


@pytest.mark.parametrize(
    "text",
    [
        "kill",
        "kill run-1",
        "kill agent fixer",
        "kill all",
        "say run-1",
        "deny req-1",
        "answer req-1 ",
        "pause",
        "rm -rf",
    ],
)
def test_what_is_not_understood_does_nothing(text: str) -> None:
    """A kill names its target and its reason; the error says how the order is written."""
    with pytest.raises(InvalidInput) as caught:
        read_order(text)
    assert caught.value.hint


def test_help_lists_every_order() -> None:
    """Each on its line, after what stands before it in this chat."""
    assert all(one.startswith("!proctor ") for one in explain_orders("!proctor ").splitlines())


def test_settings_are_none_without_slack_and_never_show_a_secret() -> None:
    """Half a set-up is an error that names what is missing."""
    assert SlackSettings.load({"HOME": "/"}) is None
    found = SlackSettings.load(SET_UP)
    assert found is not None
    assert "xoxb" not in repr(found)
    assert "https://slack.com/api/" == found.api_url


@pytest.mark.parametrize(
    "change",
    [
        {"PROCTOR_SLACK_BOT_TOKEN": ""},
        {"PROCTOR_SLACK_BOT_TOKEN": "xapp-1"},
        {"PROCTOR_SLACK_APP_TOKEN": "xoxb-1"},
        {"PROCTOR_SLACK_APP_TOKEN": ""},
        {"PROCTOR_SLACK_CHANNEL": ""},
        {"PROCTOR_SLACK_CHANNEL": "#ops"},
        {"PROCTOR_SLACK_API_URL": "http://slack.example"},
        {"PROCTOR_SLACK_MAY_SEE": "secret"},
    ],
)
def test_half_a_set_up_is_refused_by_name(change: dict[str, str]) -> None:
    """The variable is named, no value of it."""
    with pytest.raises(InvalidInput, match=r"PROCTOR_SLACK|Slack") as caught:
        SlackSettings.load({**SET_UP, **change})
    assert "xoxb-1" not in caught.value.diagnostics()
