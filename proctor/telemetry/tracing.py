"""OpenTelemetry tracing: one trace from the command line to the activities.

Temporal's `OpenTelemetryPlugin` carries the context in headers, which are part of events that exist anyway: tracing
adds no event to a history. Its tracer provider is safe in replays. Set up in entry points, never at import: workflow
modules are imported again inside the sandbox, and a provider set there would be set twice.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, ReplaySafeTracerProvider, create_tracer_provider

from proctor.telemetry import names

FLUSH_TIMEOUT_S = 3.0


@dataclass(frozen=True)
class Tracing:
    """Tracing that was set up for this process."""

    provider: ReplaySafeTracerProvider
    is_exporting: bool

    def plugin(self) -> OpenTelemetryPlugin:
        """Give what a Temporal client needs to pass the trace on; workers take it over from their client.

        Temporal's own spans are made only when somebody receives them; the trace id travels in any case.
        """
        return OpenTelemetryPlugin(add_temporal_spans=self.is_exporting)

    def flush(self) -> None:
        """Send what is waiting, for at most three seconds; the process may end after it."""
        _for_a_while(self.provider.force_flush)

    def shutdown(self) -> None:
        """Send what is waiting, for at most three seconds, and stop."""
        _for_a_while(self.provider.shutdown)


def _for_a_while(work: Callable[[], object]) -> None:
    # The SDK's own time-out of a flush is not kept (opentelemetry-python#4568): a collector that accepts and never
    # answers would hold up the end of every command by ten seconds.
    thread = threading.Thread(target=work, name="trace-flush", daemon=True)
    thread.start()
    thread.join(FLUSH_TIMEOUT_S)


def set_up_tracing(otlp_endpoint: str | None, component: str, *, exporter: SpanExporter | None = None) -> Tracing:
    """Set the tracer provider of this process, once.

    Spans go to `exporter`, else by OTLP over HTTP when `otlp_endpoint` says that somebody listens (the exporter reads
    the `OTEL_EXPORTER_OTLP_*` variables itself), else nowhere; trace ids are real in any case.
    """
    provider = create_tracer_provider(
        resource=Resource.create({"service.name": names.SERVICE, "service.component": component})
    )
    if exporter is None and otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter()
        # It warns of every try; that it gave up is an error, and is still said.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
    if exporter is not None:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return Tracing(provider, is_exporting=exporter is not None)


def current_trace_id() -> str | None:
    """Give the trace id of the span we are in, as 32 hexadecimal characters."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None
