"""The system calls that Python has no name for. Each raises `OSError` with what was asked when the kernel refuses."""

import ctypes
import os
import sys

CLONE_NEWNS = 0x0002_0000
CLONE_NEWCGROUP = 0x0200_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REC, MS_PRIVATE = 0x4000, 0x4_0000
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
MNT_DETACH = 2

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2

_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_PIVOT_ROOT, _CAPSET = (41, 91) if os.uname().machine == "aarch64" else (155, 126)
_CAPABILITY_VERSION = 0x2008_0522
_LANDLOCK_PATH_BENEATH = 1
_LANDLOCK_VERSION = 1
_AT_FDCWD = -100
_AT_EMPTY_PATH, _AT_RECURSIVE = 0x1000, 0x8000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, 0o2000000
_MOVE_MOUNT_F_EMPTY_PATH = 4

_libc = ctypes.CDLL(None, use_errno=True)


def _word(value: int) -> bytes:
    return value.to_bytes(8, sys.byteorder)


def _done(result: int, what: str) -> int:
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"{what}: {os.strerror(errno)}")
    return result


def _syscall(what: str, number: int, *arguments: "int | bytes | ctypes.Array[ctypes.c_char] | None") -> int:
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return _done(_libc.syscall(ctypes.c_long(number), *words), what)


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` name for new ones."""
    _done(_libc.unshare(ctypes.c_int(flags)), f"unshare({flags:#x})")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount a file system."""
    texts = [text.encode() for text in (source, target, kind)]
    result = _libc.mount(*texts, ctypes.c_ulong(flags), options.encode() or None)
    _done(result, f"mount {kind or source} at {target}")


def detach(target: str) -> None:
    """Unmount `target` and everything below it, at once for everybody here."""
    _done(_libc.umount2(target.encode(), ctypes.c_int(MNT_DETACH)), f"umount {target}")


def copy_tree(path: str) -> int:
    """Give a descriptor of a copy, not attached yet, of the mounts at and below `path`."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE
    return _syscall(f"open_tree {path}", _OPEN_TREE, _AT_FDCWD, path.encode(), flags)


def attach_tree(tree: int, target: str) -> None:
    """Attach a copy of mounts at `target`."""
    _syscall(f"move_mount {target}", _MOVE_MOUNT, tree, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH)


def limit_tree(tree: int, attributes: int) -> None:
    """Set attributes on every mount of a copy."""
    request = _word(attributes) + bytes(24)
    _syscall("mount_setattr", _MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, request, len(request))


def limit_mount(path: str, attributes: int) -> None:
    """Set attributes on the one mount at `path`."""
    request = _word(attributes) + bytes(24)
    _syscall(f"mount_setattr {path}", _MOUNT_SETATTR, _AT_FDCWD, path.encode(), 0, request, len(request))


def enter_root(path: str) -> None:
    """Make `path`, a mount, the root of this mount namespace; what was there before is gone."""
    os.chdir(path)
    _syscall("pivot_root", _PIVOT_ROOT, b".", b".")
    detach(".")
    os.chdir("/")


def prctl(option: int, value: int = 0) -> None:
    """Set an attribute of this process."""
    zero = ctypes.c_ulong(0)
    _done(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero), f"prctl({option})")


def drop_capabilities() -> None:
    """Give up every capability, inheritable ones too."""
    header = _CAPABILITY_VERSION.to_bytes(4, sys.byteorder) + bytes(4)
    _syscall("capset", _CAPSET, header, bytes(24))


def filter_calls(program: bytes) -> None:
    """Install a seccomp program for this thread and all that it starts."""
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    whole = Program(len(program) // 8, ctypes.addressof(code))
    zero = ctypes.c_ulong(0)
    mode = ctypes.c_ulong(SECCOMP_MODE_FILTER)
    _done(_libc.prctl(ctypes.c_int(PR_SET_SECCOMP), mode, ctypes.byref(whole), zero, zero), "seccomp")


def landlock_abi() -> int:
    """Give the version of Landlock that the kernel speaks; 0 where it has none."""
    try:
        return _syscall("landlock", _LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    except OSError:
        return 0


def landlock_ruleset(attributes: bytes) -> int:
    """Create a ruleset from `struct landlock_ruleset_attr`; gives its descriptor."""
    return _syscall("landlock_create_ruleset", _LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)


def landlock_allow(ruleset: int, path: str, access: int) -> None:
    """Allow `access` at and below `path`."""
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _word(access) + place.to_bytes(4, sys.byteorder)
        _syscall(f"landlock {path}", _LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_PATH_BENEATH, rule, 0)
    finally:
        os.close(place)


def landlock_enter(ruleset: int) -> None:
    """Restrict this thread and all that it starts."""
    _syscall("landlock_restrict_self", _LANDLOCK_RESTRICT_SELF, ruleset, 0)
