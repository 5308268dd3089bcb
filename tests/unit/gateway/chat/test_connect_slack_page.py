"""The page on connecting Slack says what the code needs."""

import re
from pathlib import Path

import yaml

from gateway.chat import slack_settings
from gateway.chat.slack_api import NEEDED_SCOPES
from gateway.chat.slack_app import COMMAND
from gateway.chat.slack_http import PATH

PAGE = (Path(__file__).parents[4] / "docs" / "how-to" / "connect-slack.md").read_text(encoding="utf-8")


def test_manifest_on_the_page_grants_what_is_needed_and_reads_no_messages() -> None:
    """No scope with which the app could read what people write."""
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    manifest = yaml.safe_load(found[1])
    scopes = set(manifest["oauth_config"]["scopes"]["bot"])
    assert scopes >= NEEDED_SCOPES
    assert not [scope for scope in scopes if scope.endswith((":history", ":read")) and scope != "channels:read"]
    assert [COMMAND] == [one["command"] for one in manifest["features"]["slash_commands"]]
    assert manifest["settings"]["socket_mode_enabled"]


def test_page_names_every_setting_and_the_path() -> None:
    """As the code reads them; the address of the API is for tests and other Slacks, and is not named."""
    names = {value for value in vars(slack_settings).values() if str(value).startswith("PROCTOR_SLACK_")}
    assert not {name for name in names - {slack_settings.API_URL} if name not in PAGE}
    assert PATH in PAGE
