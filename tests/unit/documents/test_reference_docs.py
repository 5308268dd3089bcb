import re
from pathlib import Path

import pytest

from policies.manifest_policy import REVIEW_AFTER, compile_policy
from proctor.contracts.decision import Verdict
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.tool import ToolContract
from proctor.documents.manifest import read_manifest, to_manifest
from proctor.documents.source import parse_source
from proctor.documents.validation import validate

REFERENCE = Path(__file__).parents[3] / "docs/reference"
FENCE = re.compile(r"^```(yaml|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    (page, number, language, text)
    for page in ("documents", "manifest", "tool-contract", "policy")
    for number, (language, text) in enumerate(FENCE.findall((REFERENCE / f"{page}.md").read_text(encoding="utf-8")))
]


@pytest.mark.parametrize(("page", "number", "language", "text"), EXAMPLES)
def test_every_example_of_the_reference_is_valid(
    tmp_path: Path, page: str, number: int, language: str, text: str
) -> None:
    """What the documents show can be copied."""
    path = tmp_path / f"{page}-{number}.{language}"
    path.write_text(text)
    report = validate(path)
    assert (report.problems, report.kind != "unknown") == ((), True)


def test_examples_were_found() -> None:
    """Each page has one."""
    assert {page for page, *_ in EXAMPLES} == {"documents", "manifest", "tool-contract", "policy"}


def test_manifest_page_names_every_key() -> None:
    """The table and the example keep up with the form."""
    text = (REFERENCE / "manifest.md").read_text(encoding="utf-8")
    form = read_manifest(parse_source(EXAMPLES[2][3], "m.yaml"))[0]
    assert form is not None
    assert [key for key in type(form).model_fields if f"`{key}`" not in text and f"  {key}:" not in text] == []


@pytest.mark.parametrize(
    ("amount", "verdict"), [(80, Verdict.ALLOW), (120, Verdict.REQUIRE_APPROVAL), ("80", Verdict.DENY)]
)
def test_example_of_the_policy_page_does_what_it_says(amount: object, verdict: Verdict) -> None:
    """The three refunds of the page."""
    form = read_manifest(parse_source(EXAMPLES[-1][3], "m.yaml"))[0]
    assert form is not None
    refund = ToolContract(name="RefundOrder", input_schema={"type": "object"}, effect="write", risk="low")
    schemas = {"input_schema": {}, "output_schema": {}}
    policy = compile_policy(AgentBundle(manifest=to_manifest(form, None, schemas), tools=(refund,)))
    known = {
        "agent": "refund-clerk",
        "tool": "RefundOrder",
        "tool_version": "1",
        "effect": "write",
        "risk": "low",
        **{f"autonomy.{risk}": "supervised" for risk in ("low", "medium", "high")},
        "egress.hosts": [],
        "goal.denied": "no",
        "arguments": {"amount": amount},
    }
    decision = policy.judge(known)
    assert decision.verdict is verdict
    assert (REVIEW_AFTER in decision.obligations) is (verdict is not Verdict.DENY)
