import re
from pathlib import Path

import pytest

from proctor.documents.manifest import read_manifest
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
