"""What Landlock is asked for, by the version that the kernel speaks (Documentation/userspace-api/landlock.rst)."""

from typing import Final

NEEDED_ABI: Final = 3
"""Linux 6.2. Below it a file that can be opened for reading can be cut short, and the second wall has a hole."""

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_DIR, MAKE_REG, MAKE_FIFO, MAKE_SYM = 1 << 7, 1 << 8, 1 << 10, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15

READ: Final = EXECUTE | READ_FILE | READ_DIR
READ_ONE: Final = EXECUTE | READ_FILE
DEVICE: Final = READ_FILE | WRITE_FILE
SCRATCH: Final = (
    READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO | MAKE_SYM | REFER | TRUNCATE
)
"""Everything but devices and sockets."""

_FILES_BY_ABI: Final = ((1, (1 << 13) - 1), (2, REFER), (3, TRUNCATE), (5, IOCTL_DEV))
_TCP_ABI, _TCP = 4, 0b11
_SCOPE_ABI, _SCOPES = 6, 0b11
"""Abstract Unix sockets, and signals, of processes outside."""


def handled_files(abi: int) -> int:
    """Give the rights over files that are denied where no rule allows them."""
    return sum(rights for since, rights in _FILES_BY_ABI if abi >= since)


def ruleset(abi: int) -> bytes:
    """Give `struct landlock_ruleset_attr` with all that this version can deny; no rule ever allows TCP."""
    words = [handled_files(abi)]
    if abi >= _TCP_ABI:
        words.append(_TCP)
    if abi >= _SCOPE_ABI:
        words.append(_SCOPES)
    return b"".join(word.to_bytes(8, "little") for word in words)
