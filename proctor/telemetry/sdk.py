"""The Temporal SDK's own metrics: its runtime serves them on a loopback port, from which `/metrics` passes them on."""

import urllib.error
import urllib.request

from temporalio.runtime import LoggingConfig, PrometheusConfig, Runtime, TelemetryConfig, TelemetryFilter

READ_TIMEOUT_S = 1.0


class SdkMetrics:
    """A Temporal runtime whose metrics can be read."""

    def __init__(self, port: int) -> None:
        """Serve on the loopback `port`, which must be free."""
        self._url = f"http://127.0.0.1:{port}/metrics"
        self.runtime = Runtime(
            telemetry=TelemetryConfig(
                logging=LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR")),
                metrics=PrometheusConfig(
                    bind_address=f"127.0.0.1:{port}", counters_total_suffix=True, durations_as_seconds=True
                ),
            )
        )

    def render(self) -> bytes:
        """Give them in Prometheus' text format; empty when the runtime does not answer."""
        try:
            with urllib.request.urlopen(self._url, timeout=READ_TIMEOUT_S) as answer:  # noqa: S310 - our own loopback
                return bytes(answer.read())
        except (urllib.error.URLError, OSError):
            return b""
