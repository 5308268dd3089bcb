"""The pages about egress and credentials say what the code does."""

import json
import re
from pathlib import Path

import yaml

from proctor.contracts.credentials import CredentialUse
from proctor.contracts.egress import EgressAllowList, EgressEntry
from proctor.documents.credentials import read_credentials
from proctor.tools.egress.settings import settled
from proctor.tools.egress.verdicts import EgressJudge

PAGES = Path(__file__).parents[3] / "docs" / "how-to"


def blocks(name: str) -> list[str]:
    return re.findall(r"```\w+\n(.*?)```", (PAGES / name).read_text(encoding="utf-8"), re.DOTALL)


def test_verdicts_on_the_page_are_those_of_the_command() -> None:
    """Line by line, as printed."""
    entries, allow, urls, _, printed = blocks("limit-egress.md")
    judge = EgressJudge(EgressAllowList.model_validate(yaml.safe_load(allow)).allow)
    assert printed.splitlines() == [verdict.line() for verdict in judge.verdicts(urls.splitlines())]
    shown = [EgressEntry.model_validate(one) for one in yaml.safe_load(entries)["egress"]]
    assert EgressJudge(settled(shown, {"TICKETS_URL": "https://tickets.example/api"}))


def test_file_on_the_page_can_be_read(tmp_path: Path) -> None:
    """And the uses in the contract too."""
    document, contract, *_ = blocks("keep-credentials.md")
    path = tmp_path / "credentials.yaml"
    path.write_text(document, encoding="utf-8")
    found = read_credentials(path)
    uses = [CredentialUse.model_validate(one) for one in yaml.safe_load(contract)["credentials"]]
    assert {use.name for use in uses} <= set(found.credentials)
    assert json.loads(found.model_dump_json())["vault"]["address"] == "https://vault.internal:8200"
