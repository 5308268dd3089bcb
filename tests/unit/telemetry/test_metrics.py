from decimal import Decimal

from proctor.telemetry.metrics import BoundedLabel, Metrics


def test_label_values_beyond_the_bound_are_counted_as_other() -> None:
    """A flood of names cannot make a flood of series."""
    label = BoundedLabel(limit=2)
    assert [label(value) for value in ("a", "b", "c", "a", "d")] == ["a", "b", "other", "a", "other"]


def test_a_thousand_tools_make_a_bounded_number_of_series() -> None:
    """The bound holds in what Prometheus reads, and nothing is lost from the sum."""
    metrics = Metrics()
    for number in range(1000):
        metrics.call_ended(f"tool{number}", "confirmed", "allow")
    lines = [line for line in metrics.render().decode().splitlines() if line.startswith("proctor_tool_calls_total{")]
    assert len(lines) == 201
    assert sum(float(line.rpartition(" ")[2]) for line in lines) == 1000


def test_everything_that_is_recorded_can_be_read() -> None:
    """Each method has its series, with the value that was recorded."""
    metrics = Metrics()
    metrics.run_closed("clerk", "completed")
    metrics.plan_made("playbook", 0.02)
    metrics.tool_called("Search", 0.2)
    metrics.model_used("m", input_tokens=10, output_tokens=2, cost_usd=Decimal("0.5"))
    metrics.requests_pending("approval", 3)
    metrics.request_decided("approve", applied=False)
    metrics.call_denied("scope")
    metrics.fenced("agent")
    text = metrics.render().decode()
    for line in (
        'proctor_runs_closed_total{agent="clerk",status="completed"} 1.0',
        'proctor_plan_seconds_count{planner="playbook"} 1.0',
        'proctor_tool_seconds_sum{tool="Search"} 0.2',
        'proctor_model_tokens_total{direction="input",model="m"} 10.0',
        'proctor_model_cost_usd_total{model="m"} 0.5',
        'proctor_requests_pending{kind="approval"} 3.0',
        'proctor_requests_decided_total{applied="false",word="approve"} 1.0',
        'proctor_denials_total{rule="scope"} 1.0',
        'proctor_fences_total{scope="agent"} 1.0',
    ):
        assert line in text
