"""What is said of a server that ended."""

from workers.embedded.last_words import MAX_LENGTH, last_words

PANIC = """\
time=10:20 level=WARN msg="Cluster Id is not a valid uuid" component=metadata-initializer
time=10:20 level=ERROR msg="Failed to start gRPC listener" error="listen tcp 127.0.0.1:22011: bind: address already in use" service=frontend
panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x20 pc=0xa69a6c]

goroutine 1 [running]:
main.main()
\t/src/main.go:18 +0x8e
"""  # noqa: E501 - as the server writes it
FATAL = '{"time":"10:20","level":"FATAL","file":"server.go","message":"listen tcp 127.0.0.1:1: bind: in use"}\n'


def test_panic_is_told_by_what_stands_before_its_stack() -> None:
    """The end of a stack says nothing."""
    expected = "Failed to start gRPC listener: listen tcp 127.0.0.1:22011: bind: address already in use"
    assert expected == last_words(PANIC)


def test_panic_alone_is_told() -> None:
    """Without an error before it, the panic is the reason."""
    panic = PANIC[PANIC.index("panic:") :]
    assert "panic: runtime error: invalid memory address or nil pointer dereference" == last_words(panic)


def test_fatal_record_is_told_by_its_message() -> None:
    """The UI writes JSON."""
    assert "listen tcp 127.0.0.1:1: bind: in use" == last_words(f"starting\n{FATAL}")


def test_log_without_an_error_is_told_by_its_last_lines() -> None:
    """And silence is named as such."""
    assert ("b | c | d", "it said nothing") == (last_words("a\nb\n\nc\nd\n"), last_words("\n"))


def test_long_error_keeps_its_beginning_and_its_cause() -> None:
    """Errors that wrap errors name their cause last."""
    told = last_words("Error: failed starting server: " + "wrapped: " * 200 + "address already in use")
    assert told.startswith("Error: failed starting server")
    assert told.endswith("address already in use")
    assert len(told) <= MAX_LENGTH + 3
