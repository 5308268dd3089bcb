"""Every error that Proctor raises on purpose.

    ProctorError
    ├── InvalidInput              the caller sent something that cannot be used        exit 2
    │   ├── InvalidDocument       a file of the project is wrong, with line and fix     exit 2
    │   ├── UnknownName           an agent, tool, run or request that does not exist    exit 2
    │   ├── OversizeInput         beyond a stated limit of bytes                        exit 2
    │   └── IdempotencyConflict   the key belongs to a different request                exit 2
    ├── NotAuthorised             this person may not do this                           exit 4
    ├── Refused                   policy, a fence or the state of the run forbids it    exit 6
    │   ├── Fenced                a kill covers this action                             exit 6
    │   ├── EgressDenied          no entry allows to connect there                      exit 6
    │   └── PolicyMoved           another policy became active in between               exit 6, retryable
    ├── Unavailable               a part that we need does not answer                   exit 1, retryable
    ├── NoRoom                    a rate limit, full room or open breaker holds it up    exit 1, retryable
    ├── PlannerFailed             a planner gave nothing usable                         exit 5
    │   └── PlannerUnavailable    the model's provider asks us to come back             exit 5, retryable
    └── Corrupted                 stored state contradicts itself                       exit 1

A class's docstring is its default message. `diagnostics()` says what happened and what to try.
"""

from typing import ClassVar


class ProctorError(Exception):
    """Proctor could not do this."""

    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        """Take a one-line message (default: the docstring) and what the reader should try."""
        doc = (type(self).__doc__ or "").strip().splitlines()
        self.message = message or (doc[0] if doc else type(self).__name__)
        self.hint = hint
        super().__init__(self.message)

    def diagnostics(self) -> str:
        """Say in one line what happened and what to try."""
        return f"{self.message} — {self.hint}" if self.hint else self.message


class InvalidInput(ProctorError):
    """The input cannot be used."""

    exit_code = 2


class InvalidDocument(InvalidInput):
    """A document of the project is wrong."""

    def __init__(self, message: str, *, path: str, line: int | None = None, hint: str = "") -> None:
        """Name the file and, where known, the line (1-based) of the mistake."""
        self.path, self.line, self.detail = path, line, message
        where = path if line is None else f"{path}:{line}"
        super().__init__(f"{where}: {message}", hint=hint)


class UnknownName(InvalidInput):
    """There is nothing of that name."""


class OversizeInput(InvalidInput):
    """The input is larger than the limit."""


class IdempotencyConflict(InvalidInput):
    """The idempotency key was already used for a different request."""


class NotAuthorised(ProctorError):
    """You may not do this."""

    exit_code = 4


class Refused(ProctorError):
    """Policy or the state of the run forbids this."""

    exit_code = 6


class Fenced(Refused):
    """A kill covers this action."""


class EgressDenied(Refused):
    """No entry allows to connect there."""


class PolicyMoved(Refused):
    """Another policy became active in between: load it and judge again."""

    retryable = True

    def __init__(self, bundle_digest: str) -> None:
        """Name the bundle of the policy that is active now."""
        self.bundle_digest = bundle_digest
        super().__init__()


class Unavailable(ProctorError):
    """A part that Proctor needs does not answer."""

    retryable = True


class NoRoom(ProctorError):
    """There is no room for this call now."""

    retryable = True

    def __init__(self, message: str = "", *, hint: str = "", retry_after_s: float) -> None:
        """Say when to ask again, in seconds."""
        self.retry_after_s = retry_after_s
        super().__init__(message, hint=hint)


class PlannerFailed(ProctorError):
    """The planner gave nothing that can be used."""

    exit_code = 5


class PlannerUnavailable(PlannerFailed):
    """The model's provider does not answer for now."""

    retryable = True

    def __init__(self, message: str = "", *, hint: str = "", retry_after_s: float | None = None) -> None:
        """Carry the provider's Retry-After, in seconds, where it gave one."""
        self.retry_after_s = retry_after_s
        super().__init__(message, hint=hint)


class Corrupted(ProctorError):
    """Stored state contradicts itself."""
