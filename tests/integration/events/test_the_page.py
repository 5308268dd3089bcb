"""What docs/how-to/connect-systems.md tells receivers to do."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.events.signing import new_secret, sign

PAGE = Path(__file__).parents[3] / "docs/how-to/connect-systems.md"


def test_the_snippet_of_the_page_takes_our_signatures_and_no_others() -> None:
    """It is run as it stands there."""
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet, names)
    first, second = new_secret(), new_secret()
    headers = sign([first, second], "msg_1", int(time.time()), b"{}")
    assert ["msg_1", "msg_1"] == [names["verify"](secret, headers, b"{}") for secret in (first, second)]
    old = sign([first], "msg_1", int(time.time()) - 400, b"{}")
    for secret, given, body in ((new_secret(), headers, b"{}"), (first, headers, b"{} "), (first, old, b"{}")):
        with pytest.raises(ValueError, match=r"not from Proctor|too old"):
            names["verify"](secret, given, body)
