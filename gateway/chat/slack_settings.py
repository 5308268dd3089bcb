"""What the environment says of Slack. Nothing of Slack's own libraries is imported here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from proctor.contracts.errors import InvalidInput
from proctor.contracts.labels import Confidentiality

BOT_TOKEN = "PROCTOR_SLACK_BOT_TOKEN"  # noqa: S105 - the variable's name
APP_TOKEN = "PROCTOR_SLACK_APP_TOKEN"  # noqa: S105 - the variable's name
SIGNING_SECRET = "PROCTOR_SLACK_SIGNING_SECRET"  # noqa: S105 - the variable's name
CHANNEL = "PROCTOR_SLACK_CHANNEL"
API_URL = "PROCTOR_SLACK_API_URL"
MAY_SEE = "PROCTOR_SLACK_MAY_SEE"
SLACK_API = "https://slack.com/api/"
_SEEN = (Confidentiality.PUBLIC, Confidentiality.INTERNAL, Confidentiality.PII)


@dataclass(frozen=True)
class SlackSettings:
    """One workspace and one channel in it. Secrets are not part of its repr."""

    bot_token: str = field(repr=False)
    channel: str
    """Id of the channel that cards are posted to, such as `C0123456789`."""
    app_token: str | None = field(default=None, repr=False)
    """For Socket Mode."""
    signing_secret: str | None = field(default=None, repr=False)
    """For requests over HTTP."""
    api_url: str = SLACK_API
    may_see: Confidentiality = Confidentiality.INTERNAL
    """The most confidential values that the channel may see; secrets never."""

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "SlackSettings | None":
        """Read the environment; None when it says nothing of Slack.

        Raises:
            InvalidInput: something is missing or cannot be used; the message names the variable, never its value.

        """
        said = {name: environ.get(name, "").strip() for name in (BOT_TOKEN, APP_TOKEN, SIGNING_SECRET, CHANNEL)}
        if not any(said.values()):
            return None
        _check(said)
        return cls(
            bot_token=said[BOT_TOKEN],
            channel=said[CHANNEL],
            app_token=said[APP_TOKEN] or None,
            signing_secret=said[SIGNING_SECRET] or None,
            api_url=_api_url(environ),
            may_see=_may_see(environ),
        )


def _check(said: Mapping[str, str]) -> None:
    for name, prefix in ((BOT_TOKEN, "xoxb-"), (APP_TOKEN, "xapp-")):
        if said[name] and not said[name].startswith(prefix):
            raise InvalidInput(
                f"{name} is no such token", hint=f"it begins with {prefix}: see docs/how-to/connect-slack.md"
            )
    for name in (BOT_TOKEN, CHANNEL):
        if not said[name]:
            raise InvalidInput(f"Slack is set up without {name}", hint="see docs/how-to/connect-slack.md")
    if not said[APP_TOKEN] and not said[SIGNING_SECRET]:
        raise InvalidInput(
            f"nothing says how Slack reaches us: neither {APP_TOKEN} nor {SIGNING_SECRET} is set",
            hint=f"set {APP_TOKEN} for Socket Mode, or {SIGNING_SECRET} for requests to /slack/events",
        )
    if not said[CHANNEL].isalnum():
        raise InvalidInput(
            f"{CHANNEL} is not the id of a channel", hint="it looks like C0123456789, without a name or #"
        )


def _api_url(environ: Mapping[str, str]) -> str:
    url = environ.get(API_URL, "").strip() or SLACK_API
    if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise InvalidInput(f"{API_URL} is not an https address", hint=f"leave it out for {SLACK_API}")
    return url if url.endswith("/") else f"{url}/"


def _may_see(environ: Mapping[str, str]) -> Confidentiality:
    name = environ.get(MAY_SEE, "").strip() or Confidentiality.INTERNAL
    if name not in _SEEN:
        raise InvalidInput(
            f"{MAY_SEE} is unknown: {name!r}", hint=f"use one of {', '.join(_SEEN)}; secrets are never shown"
        )
    return Confidentiality(name)
