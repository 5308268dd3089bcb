"""Service level objectives as a document: `slos:`. Read and normalised here; nothing is measured yet."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from proctor.contracts.base import Contract
from proctor.contracts.durations import seconds_of
from proctor.contracts.places import Place
from proctor.documents.problems import Problem, Problems, read_form
from proctor.documents.source import Source

_OBJECTIVE = re.compile(r">=\s*([0-9]{1,3}(?:\.[0-9]{1,9})?)\s*%\s+over\s+([0-9]{1,4})\s+(hour|day|week)s?", re.ASCII)
_BURN_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*x?", re.ASCII)
_SELECTOR = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]{0,127})\s*(?:\{([^{}]*)\})?", re.ASCII)
_MATCHER = re.compile(r'\s*([A-Za-z_]\w{0,63})\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(,|$)', re.ASCII)
_SECONDS = {"hour": 3600, "day": 86_400, "week": 604_800}


class Selector(Contract):
    """A metric with label matchers, in Prometheus' notation."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...] = ()
    """Label, operator and value; sorted."""

    def __str__(self) -> str:
        inner = ",".join(f'{label}{operator}"{value}"' for label, operator, value in self.matchers)
        return f"{self.metric}{{{inner}}}" if inner else self.metric


class BurnRateAlert(Contract):
    """Fires when the error budget burns `times` as fast as it may, over `window_s`."""

    window_s: int
    times: Decimal


class ServiceLevel(Contract):
    """One objective, normalised."""

    name: str
    objective: Decimal
    """Share of good events, 0 to 1."""
    window_s: int
    numerator: Selector
    denominator: Selector
    alerts: tuple[BurnRateAlert, ...] = ()


class _SliForm(Contract):
    numerator: str
    denominator: str


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class _AlertForm(Contract):
    burn_rate_window: str
    threshold: Annotated[str, BeforeValidator(_as_text)]


class _SloForm(Contract):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    description: str = ""
    objective: str
    sli: _SliForm
    alerts: tuple[_AlertForm, ...] = ()


class _SlosForm(Contract):
    slos: tuple[_SloForm, ...] = Field(min_length=1)


def read_slos(source: Source) -> tuple[list[ServiceLevel], list[Problem]]:
    """Read `slos:` and normalise each objective; mistakes come with line and fix."""
    problems = Problems(source)
    form = read_form(_SlosForm, source.data, problems)
    levels: list[ServiceLevel] = []
    for n, slo in enumerate(form.slos if form else ()):
        if slo.name in {earlier.name for earlier in levels}:
            problems.add(("slos", n, "name"), f"{slo.name} stands here twice", "give every objective its own name")
        level = _normalised(slo, problems, ("slos", n))
        if level is not None:
            levels.append(level)
    return levels, problems.found


def describe(level: ServiceLevel) -> list[str]:
    """Say what was understood, a line each."""
    budget = f"error budget {_plain((1 - level.objective) * 100)} %"
    lines = [
        f"{level.name}: objective {_plain(level.objective)} over {_span(level.window_s)} ({budget})",
        f"{level.name}: good {level.numerator} of all {level.denominator}",
    ]
    for alert in level.alerts:
        gone = _plain((level.window_s / alert.times / 3600).quantize(Decimal("0.1")))
        burn = f"{_plain(alert.times)}x over {_span(alert.window_s)}"
        lines.append(f"{level.name}: alert at burn rate {burn} (the whole budget gone in {gone} hours)")
    return lines


def parse_selector(text: str) -> Selector:
    """Read `metric{label="value",…}`. Raises `ValueError`."""
    found = _SELECTOR.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a selector")
    matchers, at, inner = [], 0, found[2] or ""
    while at < len(inner):
        part = _MATCHER.match(inner, at)
        if part is None:
            raise ValueError("not a label matcher")
        matchers.append((part[1], part[2], part[3]))
        at = part.end()
    return Selector(metric=found[1], matchers=tuple(sorted(matchers)))


def _normalised(slo: _SloForm, problems: Problems, at: Place) -> ServiceLevel | None:
    before = len(problems.found)
    objective, window_s = _objective(slo.objective, problems, (*at, "objective"))
    numerator = _selector(slo.sli.numerator, problems, (*at, "sli", "numerator"))
    denominator = _selector(slo.sli.denominator, problems, (*at, "sli", "denominator"))
    if numerator and denominator:
        _check_share(numerator, denominator, problems, (*at, "sli", "numerator"))
    alerts = [
        alert
        for n, form in enumerate(slo.alerts)
        if (alert := _alert(form, objective, window_s, problems, (*at, "alerts", n)))
    ]
    if len(problems.found) > before or numerator is None or denominator is None:
        return None
    return ServiceLevel(
        name=slo.name,
        objective=objective,
        window_s=window_s,
        numerator=numerator,
        denominator=denominator,
        alerts=tuple(alerts),
    )


def _objective(text: str, problems: Problems, place: Place) -> tuple[Decimal, int]:
    found = _OBJECTIVE.fullmatch(text.strip())
    share, window_s = (Decimal(found[1]) / 100, int(found[2]) * _SECONDS[found[3]]) if found else (Decimal(0), 0)
    if not 0 < share < 1 or not window_s:
        hint = 'write it as ">= 99.0% over 30 days", between 0 and 100 % and not either'
        problems.add(place, f"{text!r} is not an objective", hint)
        return Decimal(0), 0
    return share, window_s


def _selector(text: str, problems: Problems, place: Place) -> Selector | None:
    try:
        return parse_selector(text)
    except ValueError:
        problems.add(place, f"{text!r} is not a metric", 'write it as tool_calls{tool="NAME",status="ok"}')
        return None


def _check_share(numerator: Selector, denominator: Selector, problems: Problems, place: Place) -> None:
    if numerator.metric != denominator.metric or not set(denominator.matchers) <= set(numerator.matchers):
        message = "the numerator does not count a part of the denominator"
        problems.add(place, message, "use the same metric and all labels of the denominator, and add one")


def _alert(
    form: _AlertForm, objective: Decimal, window_s: int, problems: Problems, place: Place
) -> BurnRateAlert | None:
    span_s, rate = seconds_of(form.burn_rate_window), _BURN_RATE.fullmatch(form.threshold.strip())
    if span_s is None:
        problems.add((*place, "burn_rate_window"), f"{form.burn_rate_window!r} is not a time", "write it as 2h or 30m")
    if rate is None or not Decimal(rate[1]):
        problems.add((*place, "threshold"), f"{form.threshold!r} is not a burn rate", "write it as 14x")
    if span_s is None or rate is None or not Decimal(rate[1]) or not window_s:
        return None
    alert = BurnRateAlert(window_s=span_s, times=Decimal(rate[1]))
    _check_alert(alert, objective, window_s, problems, place)
    return alert


def _check_alert(alert: BurnRateAlert, objective: Decimal, window_s: int, problems: Problems, place: Place) -> None:
    if alert.window_s >= window_s:
        message = "the alert's window is not shorter than the objective's"
        problems.add((*place, "burn_rate_window"), message, "write a shorter one, e.g. 2h")
    fastest = 1 / (1 - objective)
    if alert.times > fastest:
        message = f"a burn rate of {_plain(alert.times)}x cannot happen: {_plain(fastest.quantize(Decimal('0.1')))}x"
        problems.add((*place, "threshold"), f"{message} is every call failing", "write a lower threshold")


def _span(seconds: int) -> str:
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds % size == 0:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
