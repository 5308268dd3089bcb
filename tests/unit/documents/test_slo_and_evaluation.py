from decimal import Decimal

import pytest

from proctor.documents.evaluation import describe as describe_case
from proctor.documents.evaluation import parse_json_path, read_evaluation
from proctor.documents.slo import BurnRateAlert, read_slos
from proctor.documents.source import parse_source
from tests.unit.documents import forms


def test_slo_loads_as_the_blueprint_writes_it() -> None:
    """The objective, its indicator and its alert are understood as numbers."""
    levels, found = read_slos(parse_source(forms.SLO, "s.yaml"))
    assert found == []
    level = levels[0]
    assert (level.objective, level.window_s) == (Decimal("0.99"), 30 * 86_400)
    assert str(level.numerator) == 'tool_calls{status="ok",tool="FileCorrection"}'
    assert level.alerts == (BurnRateAlert(window_s=7200, times=Decimal(14)),)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('">= 99.0% over 30 days"', "99%", 3, "not an objective"),
        ('">= 99.0% over 30 days"', '">= 100% over 30 days"', 3, "not an objective"),
        ('">= 99.0% over 30 days"', '">= 99% over 0 days"', 3, "not an objective"),
        (',status="ok"}', ",status=ok}", 5, "not a metric"),
        ('numerator: tool_calls{tool="FileCorrection",', "numerator: tool_calls{", 5, "does not count a part"),
        ("2h", "2 hours", 8, "not a time"),
        ("2h", "40d", 8, "not shorter"),
        ("14x", "fast", 9, "not a burn rate"),
        ("14x", "101x", 9, "cannot happen"),
        ("objective", "objectve", 3, "unknown key"),
    ],
)
def test_slo_that_cannot_be_meant_is_refused(old: str, new: str, line: int, message: str) -> None:
    """An alert that can never fire is a mistake, not a comfort."""
    assert old in forms.SLO
    found = read_slos(parse_source(forms.SLO.replace(old, new, 1), "s.yaml"))[1]
    assert (line, True) in [(problem.line, message in problem.message) for problem in found]


def test_evaluation_loads_as_the_blueprint_writes_it() -> None:
    """Inputs, expectation and both metrics are understood."""
    spec, found = read_evaluation(parse_source(forms.EVALUATION, "e.yaml"))
    assert found == []
    assert spec is not None
    assert describe_case(spec.tests[0])[1:] == [
        'large_difference: scores whether $.severity of the report equals "high"',
        "large_difference: scores whether FileCorrection was called and succeeded",
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("type: tool_success", "type: tool_sucess", 11, "is {"),
        ("$.severity", "severity", 9, "not a path"),
        ('equals: "high"', "equals: low", 10, "expected says"),
        ('        equals: "high"\n', "", 8, "'equals' is missing"),
        ("inputs:", "input:", 3, "unknown key 'input'"),
        ("type: tool_success\n        tool: FileCorrection", "type: tool_success", 11, "'tool' is missing"),
    ],
)
def test_evaluation_that_cannot_score_is_refused(old: str, new: str, line: int, message: str) -> None:
    """A case whose metrics cannot hold says so."""
    assert old in forms.EVALUATION
    found = read_evaluation(parse_source(forms.EVALUATION.replace(old, new, 1), "e.yaml"))[1]
    assert (line, True) in [(problem.line, message in problem.message) for problem in found]


def test_json_path_is_read_into_its_parts() -> None:
    """Names, quoted names and indexes."""
    assert parse_json_path("$.items[0]['the id']") == ("items", 0, "the id")
    assert parse_json_path("$") == ()
