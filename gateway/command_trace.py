"""The span around one command; what follows from the command belongs to its trace."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Span
    from temporalio.contrib.opentelemetry import OpenTelemetryPlugin

    from proctor.telemetry.tracing import Tracing


class CommandTrace:
    """Begun at once where somebody receives it, and otherwise when Temporal is first used: importing it takes time."""

    def __init__(self, otlp_endpoint: str | None) -> None:
        """Say where spans are received; None: nowhere."""
        self._endpoint = otlp_endpoint
        self._begun: tuple[Tracing, Span] | None = None
        if otlp_endpoint:
            self._begin()

    def plugin(self) -> "OpenTelemetryPlugin":
        """Give what a Temporal client needs to pass the trace on."""
        return (self._begun or self._begin())[0].plugin()

    def end(self) -> None:
        """End the span, and send what is waiting."""
        if self._begun is not None:
            tracing, span = self._begun
            span.end()
            tracing.flush()

    def _begin(self) -> "tuple[Tracing, Span]":
        from opentelemetry import context, trace

        from proctor.telemetry.tracing import set_up_tracing

        tracing = set_up_tracing(self._endpoint, "gateway")
        span = trace.get_tracer("proctor.gateway").start_span("proctor command")
        # Never detached: it lasts as long as the process, and may be begun in a task that ends before it.
        context.attach(trace.set_span_in_context(span))
        self._begun = (tracing, span)
        return self._begun
