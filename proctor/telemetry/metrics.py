"""Our Prometheus metrics. Every label set is bounded: values beyond the bound are counted under `other`."""

import threading
from collections.abc import Mapping
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from proctor.telemetry import names

MAX_LABEL_VALUES = 200
BREAKER_VALUES = {"closed": 0, "half_open": 1, "open": 2}
LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class BoundedLabel:
    """Lets the first `limit` values of a label through; later ones become `other`, so that series stay countable."""

    def __init__(self, limit: int = MAX_LABEL_VALUES) -> None:
        """Start with no value seen."""
        self._limit, self._seen, self._lock = limit, set[str](), threading.Lock()

    def __call__(self, value: str) -> str:
        """Give the value to record."""
        with self._lock:
            if value in self._seen:
                return value
            if len(self._seen) >= self._limit:
                return names.OTHER
            self._seen.add(value)
            return value


class Metrics:
    """The metrics of one process, on a registry of their own."""

    def __init__(self) -> None:
        """Create every metric at zero."""
        self.registry = CollectorRegistry()
        self._tool, self._model, self._rule, self._agent = (
            BoundedLabel(),
            BoundedLabel(),
            BoundedLabel(),
            BoundedLabel(),
        )
        self._runs = self._counter(names.RUNS_CLOSED, "Runs that ended", "agent", "status")
        self._calls = self._counter(names.CALLS, "Tool calls by how they ended", "tool", "status", "verdict")
        self._plan = self._latency(names.PLAN_SECONDS, "Time to make and judge a plan", "planner")
        self._tool_time = self._latency(names.TOOL_SECONDS, "Time of a tool call", "tool")
        self._tokens = self._counter(names.TOKENS, "Tokens of models", "model", "direction")
        self._cost = self._counter(names.COST_USD, "Cost of models in US dollars", "model")
        self._pending = Gauge(
            names.APPROVALS_PENDING, "Requests that wait for a person", ["kind"], registry=self.registry
        )
        self._decided = self._counter(names.APPROVALS_DECIDED, "Decisions of people", "word", "applied")
        self._denials = self._counter(names.DENIALS, "Calls that policy denied", "rule")
        self._fences = self._counter(names.FENCES, "Runs, plans and calls that a kill stopped", "scope")
        self._lag = Gauge(names.EVENT_LOOP_LAG_SECONDS, "How late the event loop runs", registry=self.registry)
        self._breaker, self._held = BoundedLabel(), BoundedLabel()
        self._breakers: set[str] = set()
        self._breaker_state = Gauge(
            names.BREAKER_STATE, "0 closed, 1 half-open, 2 open", ["breaker"], registry=self.registry
        )
        self._waits = self._counter(names.CALLS_WAITING, "Times that a call found no room and waited", "by")
        self._ready = Gauge(names.READY, "1 while this process can do its work", registry=self.registry)

    def run_closed(self, agent: str, status: str) -> None:
        """Count a run that ended."""
        self._runs.labels(self._agent(agent), status).inc()

    def call_ended(self, tool: str, status: str, verdict: str) -> None:
        """Count a call by its status and by the verdict it was dispatched or refused on."""
        self._calls.labels(self._tool(tool), status, verdict).inc()

    def plan_made(self, planner: str, seconds: float) -> None:
        """Record how long a plan took; `planner` is `playbook` or `model`."""
        self._plan.labels(planner).observe(seconds)

    def tool_called(self, tool: str, seconds: float) -> None:
        """Record how long a tool took."""
        self._tool_time.labels(self._tool(tool)).observe(seconds)

    def model_used(self, model: str, *, input_tokens: int, output_tokens: int, cost_usd: Decimal) -> None:
        """Count what a model call used."""
        label = self._model(model)
        self._tokens.labels(label, "input").inc(input_tokens)
        self._tokens.labels(label, "output").inc(output_tokens)
        self._cost.labels(label).inc(float(cost_usd))

    def requests_pending(self, kind: str, count: int) -> None:
        """Say how many requests of a kind wait for a person now."""
        self._pending.labels(kind).set(count)

    def request_decided(self, word: str, *, applied: bool) -> None:
        """Count a person's decision."""
        self._decided.labels(word, str(applied).lower()).inc()

    def call_denied(self, rule: str) -> None:
        """Count a denial under its determining rule."""
        self._denials.labels(self._rule(rule)).inc()

    def fenced(self, scope: str) -> None:
        """Count something that a kill stopped; `scope` is the kind of the fence."""
        self._fences.labels(scope).inc()

    def call_waits(self, by: str) -> None:
        """Count a call that waits, by the limit or breaker that holds it up."""
        self._waits.labels(self._held(by)).inc()

    def breakers(self, states: Mapping[str, str]) -> None:
        """Show the breakers that are not at rest, and that the others which were shown are closed."""
        self._breakers |= {self._breaker(name) for name in states}
        for name in self._breakers:
            self._breaker_state.labels(name).set(BREAKER_VALUES[states.get(name, "closed")])

    def loop_lag(self, seconds: float) -> None:
        """Say how late the event loop runs."""
        self._lag.set(seconds)

    def ready(self, value: bool) -> None:
        """Say whether this process can do its work."""
        self._ready.set(1 if value else 0)

    def render(self) -> bytes:
        """Give all of them in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _latency(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=LATENCY_BUCKETS_S)
