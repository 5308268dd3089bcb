import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from proctor.telemetry.logs import bind_run, set_up_logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_names_trace_span_and_run() -> None:
    """From a log line one finds the trace and the run."""
    stream = io.StringIO()
    set_up_logs("info", stream=stream)
    bind_run("run-1")
    with TracerProvider().get_tracer("t").start_as_current_span("s") as span:
        structlog.get_logger("part").info("tool_called", tool="Search")
        context = span.get_span_context()
    (line,) = lines_of(stream)
    assert (line["message"], line["tool"], line["run_id"], line["level"]) == ("tool_called", "Search", "run-1", "info")
    assert (f"{context.trace_id:032x}", f"{context.span_id:016x}") == (line["trace_id"], line["span_id"])


def test_standard_logging_goes_the_same_way() -> None:
    """Libraries that use `logging` come out as the same JSON, arguments filled in, exceptions included."""
    stream = io.StringIO()
    set_up_logs("info", stream=stream)
    logging.getLogger("library").warning("cannot reach %s", "host")
    try:
        int("broken")
    except ValueError:
        logging.getLogger("library").exception("failed")
    first, second = lines_of(stream)
    assert (first["message"], first["level"], first["logger"]) == ("cannot reach host", "warning", "library")
    assert "broken" in json.dumps(second["exception"])


def test_lines_below_the_level_are_dropped() -> None:
    """PROCTOR_LOG_LEVEL is obeyed by both kinds of loggers."""
    stream = io.StringIO()
    set_up_logs("warning", stream=stream)
    structlog.get_logger("part").info("quiet")
    logging.getLogger("library").info("quiet")
    assert stream.getvalue() == ""


def test_a_terminal_gets_plain_text() -> None:
    """People are not made to read JSON."""
    stream = io.StringIO()
    set_up_logs("info", stream=stream, plain=True)
    structlog.get_logger("part").info("worker_running", queue="q")
    assert "worker_running" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize("plain", [True, False])
def test_traceback_shows_no_values(plain: bool) -> None:
    """Locals hold what people entrusted to us: tokens, arguments of calls, the database's password."""
    stream = io.StringIO()
    set_up_logs("info", stream=stream, plain=plain)
    try:
        _fail("hunt" + "er" + str(2))
    except ValueError:
        structlog.get_logger("part").exception("it_failed")
        logging.getLogger("other").exception("it failed")
    assert 2 <= stream.getvalue().count("7 characters")
    assert "hunter2" not in stream.getvalue()


def _fail(secret: str) -> None:
    raise ValueError(f"{len(secret)} characters")
