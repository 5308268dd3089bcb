"""A machine that runs classic BPF as the kernel does, for the few instructions that filters use."""

import struct
from dataclasses import dataclass

ALLOWED = 0x7FFF0000
KILLED = 0x80000000


@dataclass(frozen=True)
class Call:
    """A system call as a filter sees it."""

    number: int
    arguments: tuple[int, ...] = ()
    architecture: int = 0

    def packed(self) -> bytes:
        """Give the kernel's `struct seccomp_data`."""
        arguments = (*self.arguments, *(0,) * 6)[:6]
        return struct.pack(
            "<iIQ6Q", self.number - (1 << 32 if self.number >> 31 else 0), self.architecture, 0, *arguments
        )


def run(program: bytes, call: Call) -> int:
    """Run a program to its answer."""
    code = list(struct.iter_unpack("=HBBI", program))
    data, accumulator, at = call.packed(), 0, 0
    while True:
        operation, if_true, if_false, operand = code[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x15:
                at += if_true if accumulator == operand else if_false
            case 0x35:
                at += if_true if accumulator >= operand else if_false
            case 0x45:
                at += if_true if accumulator & operand else if_false
            case 0x06:
                return int(operand)
            case _:
                raise AssertionError(f"instruction {operation:#x}")
