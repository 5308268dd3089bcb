"""Alert rules speak of metrics that exist, with labels that they have, and lead to a runbook."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_args

import pytest
from prometheus_client import CollectorRegistry

from gateway.drill_schedule import DrillMetrics
from proctor.contracts.drilling import Drill
from proctor.contracts.human import RequestKind
from proctor.contracts.ids import PrincipalName
from proctor.contracts.run import RunStatus
from proctor.contracts.tool import Confirmed, Failed, Unknown
from proctor.telemetry import names
from proctor.telemetry.metrics import Metrics
from tests.unit.deploy.composition import ROOT, load

OF_PROMETHEUS = {"up": {"job", "instance"}}
OF_SCRAPING = {"job", "instance"}
OUTCOMES = {get_args(model.model_fields["status"].annotation)[0] for model in (Confirmed, Failed, Unknown)}
VALUES = {
    "proctor_runs_closed_total": {"status": {status.value for status in RunStatus if status.is_end}},
    "proctor_requests_pending": {"kind": {kind.value for kind in RequestKind}},
    "proctor_tool_calls_total": {"status": OUTCOMES},
    "proctor_kill_drill_seconds": {"phase": {"fence", "stopped", "closed"}},
    "up": {"job": {job["job_name"] for job in load("deploy/prometheus.yml")["scrape_configs"]}},
}


def rules() -> list[dict[str, Any]]:
    return [rule for group in load("deploy/alerts.yml")["groups"] for rule in group["rules"]]


def series() -> dict[str, set[str]]:
    """Give every series that a worker or a gateway exposes and that rules may ask for, with its labels."""
    metrics = Metrics()
    metrics.run_closed("clerk", "completed")
    metrics.plan_made("playbook", 0.02)
    metrics.tool_called("Search", 0.2)
    metrics.call_ended("Search", "confirmed", "allow")
    metrics.model_used("m", input_tokens=10, output_tokens=2, cost_usd=Decimal("0.5"))
    metrics.requests_pending("approval", 3)
    metrics.request_decided("approve", applied=False)
    metrics.call_denied("scope")
    metrics.fenced("agent")
    metrics.breakers({"tool:Search": "open"})
    metrics.call_waits("rate limit tool:Search")
    gateway = CollectorRegistry()
    drills = DrillMetrics(gateway)
    drills.scheduled(3600)
    made = Drill(n=1, at=datetime.now(UTC), by=PrincipalName("proctor.drill"), passed=True)
    drills.drilled(made, made)
    families = [*metrics.registry.collect(), *gateway.collect()]
    samples = [sample for family in families for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}


def selectors(expression: str) -> list[tuple[str, str]]:
    """Give the metrics of an expression, each with the text of its label matchers."""
    return re.findall(r"\b(proctor_\w+|up)\b(?:\{([^}]*)\})?", expression)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_a_rule_asks_for_series_that_exist(rule: dict[str, Any]) -> None:
    """A renamed metric or label would make a rule that can never fire."""
    known = {**{name: labels | OF_SCRAPING for name, labels in series().items()}, **OF_PROMETHEUS}
    found = selectors(rule["expr"])
    assert found
    for name, matchers in found:
        assert name in known
        for label, _, wanted in re.findall(r'(\w+)(=~|=)"([^"]*)"', matchers):
            assert label in known[name], (name, label)
            assert set(wanted.split("|")) <= VALUES[name][label], (name, label)
    grouped = {label for labels in re.findall(r" by \(([^)]*)\)", rule["expr"]) for label in labels.split(", ")}
    told = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert grouped <= set.union(*(known[name] for name, _ in found))
    assert told <= (grouped or OF_SCRAPING)


def test_series_are_those_that_operators_are_promised() -> None:
    """What the rules are checked against comes from proctor/telemetry/names.py."""
    promised = {value for value in vars(names).values() if isinstance(value, str) and value.startswith("proctor_")}
    kinds = re.compile(r"_(total|created|bucket|sum|count)$")
    assert promised == {kinds.sub("", name) for name in series()}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_a_rule_leads_to_a_runbook(rule: dict[str, Any]) -> None:
    """Whoever is woken is told what to do."""
    runbook = rule["annotations"]["runbook"]
    assert re.fullmatch(r"docs/runbooks/[a-z-]+\.md", runbook)
    text = (ROOT / runbook).read_text(encoding="utf-8")
    for heading in ("## Symptoms", "## Look at", "## Do"):
        assert heading in text, heading
    assert rule["alert"] in text, "the runbook names the alerts that lead to it"
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_rules_are_where_prometheus_looks_for_them() -> None:
    """The rule file of the configuration is the one that the composition mounts beside it."""
    mounted = load("docker-compose.yml")["services"]["prometheus"]["configs"]
    targets = {config["source"]: config["target"] for config in mounted}
    folder = targets["prometheus"].rpartition("/")[0]
    assert load("deploy/prometheus.yml")["rule_files"] == [targets["alerts"].removeprefix(f"{folder}/")]
