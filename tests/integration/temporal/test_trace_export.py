"""Export by OTLP, against real sockets; tracing is set once per process, so each case runs in one of its own."""

import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.integration.workers.worker_under_test import ROOT

PROGRAM = """
import os, time
from opentelemetry import trace
from proctor.telemetry.tracing import set_up_tracing
tracing = set_up_tracing(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], "test")
with trace.get_tracer("test").start_as_current_span("command"):
    pass
began = time.monotonic()
tracing.shutdown()
print(time.monotonic() - began, flush=True)
os._exit(0)
"""


def export_to(endpoint: str) -> float:
    """Give the seconds that flushing took; what a busy machine needs to start Python is not counted."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, timeout=60, env=environ, check=False
    )
    assert ended.returncode == 0
    return float(ended.stdout)


def test_spans_reach_the_collector_before_the_process_ends() -> None:
    """A short command's spans are not lost, although it ends at once."""
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    export_to(f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    server.server_close()
    thread.join()
    ((path, body),) = received
    assert path == "/v1/traces"
    assert b"command" in body
    assert b"proctor" in body


def test_a_collector_that_never_answers_cannot_hold_up_the_end() -> None:
    """Flushing is cut off after three seconds."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert export_to(f"http://127.0.0.1:{silent.getsockname()[1]}") < 6
