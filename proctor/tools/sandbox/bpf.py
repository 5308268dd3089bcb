"""The seccomp program: a small assembler for the classic BPF that Linux takes (seccomp(2)).

The program looks up the number of the system call in a binary tree of ranges, so a call costs about eight
comparisons, and checks the arguments of the few calls that are allowed only in part.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proctor.tools.sandbox import syscalls
from proctor.tools.sandbox.syscalls import AUDIT_ARCH, X32_BIT, numbers

ALLOW: Final = 0x7FFF0000
KILL_PROCESS: Final = 0x80000000
ERRNO: Final = 0x00050000
EPERM, EACCES, ENOSYS = 1, 13, 38

LOAD: Final = 0x20
AND: Final = 0x54
JUMP_EQUAL: Final = 0x15
JUMP_AT_LEAST: Final = 0x35
JUMP_ANY_BIT: Final = 0x45
RETURN: Final = 0x06

NUMBER_AT, ARCH_AT, ARGUMENTS_AT = 0, 4, 16
FARTHEST_JUMP: Final = 255

CLONE_NAMESPACES: Final = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (NEWTIME is out of `clone`'s reach)."""
AF_UNIX, SOCK_STREAM, SOCKET_TYPE_MASK = 1, 1, 0xF
TERMINAL_INPUT: Final = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: they type into the terminal of whoever started the process."""
F_SETPIPE_SZ: Final = 1031
SO_SNDBUF, SO_SNDBUFFORCE = 7, 32
CURRENT_PERSONALITY: Final = 0xFFFFFFFF


@dataclass(frozen=True)
class Instruction:
    """One instruction: code, jumps if true and if false, operand."""

    code: int
    operand: int
    if_true: int = 0
    if_false: int = 0

    def packed(self) -> bytes:
        """Give the kernel's `struct sock_filter`."""
        return struct.pack("=HBBI", self.code, self.if_true, self.if_false, self.operand)


Block = tuple[Instruction, ...]


def program(machine: str) -> bytes:
    """Assemble the filter for a machine. Raises `KeyError` for one that no table knows."""
    return b"".join(instruction.packed() for instruction in assemble(machine))


def assemble(machine: str) -> Block:
    """Give the filter as instructions: another architecture kills, an unlisted call answers ENOSYS."""
    blocks = _blocks(machine)
    starts = _ranges(blocks)
    head = (
        Instruction(LOAD, ARCH_AT),
        Instruction(JUMP_EQUAL, AUDIT_ARCH[machine], if_true=1),
        _give(KILL_PROCESS),
        Instruction(LOAD, NUMBER_AT),
        Instruction(JUMP_AT_LEAST, X32_BIT, if_false=1),
        _give(KILL_PROCESS),
    )
    return head + _tree(starts)


def _give(action: int) -> Instruction:
    return Instruction(RETURN, action)


def _refuse(errno: int) -> Block:
    return (_give(ERRNO | errno),)


def _blocks(machine: str) -> dict[int, Block]:
    allowed = syscalls.FILES + syscalls.WAITING + syscalls.MEMORY + syscalls.PROCESSES + syscalls.PIPES
    found: dict[int, Block] = {number: (_give(ALLOW),) for number in numbers(allowed, machine).values()}
    found |= {number: _refuse(EACCES) for number in numbers(syscalls.REFUSED, machine).values()}
    known = numbers(allowed, machine)
    return found | {known[name]: block() for name, block in _IN_PART.items()}


def _ranges(blocks: Mapping[int, Block]) -> list[tuple[int, Block]]:
    """Give the first number of each stretch of equal treatment, in order, from 0 to the largest number."""
    starts: list[tuple[int, Block]] = []
    for number in range(max(blocks) + 2):
        block = blocks.get(number, _refuse(ENOSYS))
        if not starts or starts[-1][1] != block:
            starts.append((number, block))
    return starts


def _tree(starts: Sequence[tuple[int, Block]]) -> Block:
    if len(starts) == 1:
        return starts[0][1]
    middle = len(starts) // 2
    left, right = _tree(starts[:middle]), _tree(starts[middle:])
    if len(left) > FARTHEST_JUMP:
        raise ValueError(f"a jump over {len(left)} instructions does not fit")
    return (Instruction(JUMP_AT_LEAST, starts[middle][0], if_true=len(left)), *left, *right)


def _argument(n: int, *, high: bool = False) -> Instruction:
    """Load half of an argument; both machines are little-endian."""
    return Instruction(LOAD, ARGUMENTS_AT + 8 * n + (4 if high else 0))


def _clone() -> Block:
    return (_argument(0), Instruction(JUMP_ANY_BIT, CLONE_NAMESPACES, if_false=1), *_refuse(EPERM), _give(ALLOW))


def _socketpair() -> Block:
    """Allow connected streams alone: a datagram socket could be addressed to a socket outside."""
    return (
        _argument(0),
        Instruction(JUMP_EQUAL, AF_UNIX, if_false=3),
        _argument(1),
        Instruction(AND, SOCKET_TYPE_MASK),
        Instruction(JUMP_EQUAL, SOCK_STREAM, if_true=1),
        *_refuse(EACCES),
        _give(ALLOW),
    )


def _unaddressed() -> Block:
    return (
        _argument(4),
        Instruction(JUMP_EQUAL, 0, if_false=2),
        _argument(4, high=True),
        Instruction(JUMP_EQUAL, 0, if_true=1),
        *_refuse(EACCES),
        _give(ALLOW),
    )


def _but(n: int, *values: int) -> Block:
    """Allow the call unless its argument is one of `values`."""
    tests = [Instruction(JUMP_EQUAL, value, if_true=len(values) - place) for place, value in enumerate(values)]
    return (_argument(n), *tests, _give(ALLOW), *_refuse(EPERM))


def _only(n: int, *values: int) -> Block:
    """Allow the call if its argument is one of `values`."""
    tests = [Instruction(JUMP_EQUAL, value, if_true=len(values) - place) for place, value in enumerate(values)]
    return (_argument(n), *tests, *_refuse(EPERM), _give(ALLOW))


_IN_PART: Final[dict[str, Callable[[], Block]]] = {
    "clone": _clone,
    "socketpair": _socketpair,
    "sendto": _unaddressed,
    "ioctl": lambda: _but(1, *TERMINAL_INPUT),
    "fcntl": lambda: _but(1, F_SETPIPE_SZ),
    "setsockopt": lambda: _but(2, SO_SNDBUF, SO_SNDBUFFORCE),
    "personality": lambda: _only(0, 0, CURRENT_PERSONALITY),
    "prlimit64": lambda: _only(0, 0),
}
"""Calls that are allowed with some arguments. Pipes and sockets keep their size: no process' memory has their pages."""
