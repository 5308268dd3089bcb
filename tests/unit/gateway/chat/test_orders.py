"""Orders in a chat, arguments that a person writes, and what the environment says of Slack."""

import re

import pytest

from gateway.chat.editing import read_arguments, write_arguments
from gateway.chat.orders import Order, explain_orders, read_order
from gateway.chat.slack_settings import SlackSettings
from proctor.contracts.errors import InvalidInput
from proctor.contracts.kill import KillScope
from proctor.contracts.tool import ToolContract

SET_UP = {"PROCTOR_SLACK_BOT_TOKEN": "xoxb-1", "PROCTOR_SLACK_APP_TOKEN": "xapp-1", "PROCTOR_SLACK_CHANNEL": "C1"}
PAY = ToolContract(
    name="Pay",
    input_schema={
        "type": "object",
        "properties": {"to": {"type": "string"}, "amount": {"type": "integer"}},
        "additionalProperties": False,
        "required": ["to"],
    },
)


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


def test_arguments_that_a_person_writes_are_read_back_as_they_were_written() -> None:
    """What the form shows is what it takes."""
    arguments = {"to": "bob\u202e", "amount": 7}
    assert arguments == read_arguments(write_arguments(arguments), PAY)
    assert "\u202e" not in write_arguments(arguments)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{"to": 1}', "at $.to"),
        ('{"amount": 1}', "to"),
        ('{"to": "bob", "extra": 1}', "extra"),
        ('{"to": "bob", "to": "eve"}', "named twice"),
        ('{"to": "bob", "amount": NaN}', "NaN"),
        ("[]", "not an object"),
        ("{", "line 1, column 2"),
        ("[" * 40_000, "nested too deeply"),
        ("x" * 50_001, "longer than"),
    ],
)
def test_arguments_that_do_not_fit_are_told_where(text: str, wrong: str) -> None:
    """Before anything is decided."""
    with pytest.raises(InvalidInput, match=re.escape(wrong)):
        read_arguments(text, PAY)


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
