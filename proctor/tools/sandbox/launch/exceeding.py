"""Attempts to get at the kernel, to gain rights, and to take more than is allowed."""

import ctypes
import errno
import mmap
import os
import resource
import signal
import socket
from collections.abc import Callable
from functools import partial

from proctor.tools.sandbox.launch import calls
from proctor.tools.sandbox.launch.trying import Bait, each, filtered, filtered_each, forked, read, status, survives

_libc = ctypes.CDLL(None, use_errno=True)
CHILD_S = 30


def trace_processes(bait: Bait) -> str:
    """Trace a process: also the harmless request to be traced, which only a filter refuses."""
    attempts = {"be traced": (0, 0), "attach to 1": (16, 1), "seize the victim": (0x4206, bait["victim"])}
    return each(list(attempts), lambda name: calls.call("ptrace", *attempts[name], 0, 0))


def read_memory_of_others(bait: Bait) -> str:
    """Read the memory of another process."""
    del bait
    buffer = ctypes.create_string_buffer(16)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 16)
    at = ctypes.addressof(vector)
    return each(
        ["/proc/1/mem", "process_vm_readv"],
        lambda way: read(way) if way[0] == "/" else calls.call(way, os.getpid(), at, 1, at, 1, 0),
    )


def share_namespaces(bait: Bait) -> str:
    """Find a namespace that we share with the worker."""
    shared = [name for name, said in bait["namespaces"].items() if os.readlink(f"/proc/self/ns/{name}") == said]
    return ", ".join(shared)


def make_namespaces(bait: Bait) -> str:
    """Make namespaces, or enter one."""
    del bait
    user = 0x1000_0000
    attempts: dict[str, Callable[[], object]] = {
        "unshare": lambda: calls.call("unshare", user),
        "clone3": lambda: calls.call("clone3", 0, 0),
        "setns": lambda: calls.call("setns", -1, 0),
    }
    reached = filtered(lambda: forked(calls.call("clone", user | signal.SIGCHLD, 0, 0, 0, 0)), errno.EPERM)
    return f"clone {reached}" if reached else filtered_each(attempts)


def mount_things(bait: Bait) -> str:
    """Mount, unmount, or change the root."""
    scratch = bait["scratch"].encode()
    attempts: dict[str, Callable[[], object]] = {
        "mount": lambda: calls.call("mount", b"none", scratch, b"tmpfs", 0, None),
        "umount2": lambda: calls.call("umount2", scratch, 2),
        "pivot_root": lambda: calls.call("pivot_root", scratch, scratch),
        "chroot": lambda: calls.call("chroot", scratch),
        "fsopen": lambda: calls.call("fsopen", b"tmpfs", 0),
        "open_tree": lambda: calls.call("open_tree", -100, scratch, 1),
        "move_mount": lambda: calls.call("move_mount", -100, scratch, -100, scratch, 0),
        "mount_setattr": lambda: calls.call("mount_setattr", -100, scratch, 0, None, 0),
    }
    return filtered_each(attempts)


def reach_kernel(bait: Bait) -> str:
    """Make the calls that most holes of the kernel were found in: the filter must not let one through."""
    del bait
    return filtered_each({name: partial(calls.call, name, 0, 0, 0, 0, 0, 0) for name in calls.DANGEROUS})


def use_io_uring(bait: Bait) -> str:
    """Set up io_uring, whose requests no filter sees."""
    del bait
    return filtered_each({"io_uring_setup": lambda: calls.call("io_uring_setup", 1, bytes(120))})


def use_other_architecture(bait: Bait) -> str:
    """Call the kernel by x86's other two interfaces, which number their calls differently."""
    del bait
    if os.uname().machine != "x86_64":
        return ""
    ways = {"x32": lambda: _libc.syscall(ctypes.c_long(0x4000_0000 + 39)), "int 0x80": _old_call}
    return each(list(ways), lambda name: survives(ways[name]))


def gain_rights(bait: Bait) -> str:
    """Become root, or keep something of root."""
    ways: dict[str, Callable[[], object]] = {
        "setresuid": lambda: calls.call("setresuid", 0, 0, 0),
        "setgroups": lambda: calls.call("setgroups", 0, 0),
    }
    reached = [] if _libc.prctl(39, 0, 0, 0, 0) == 1 else ["new privileges are allowed"]
    if os.getuid() in bait["not_users"]:
        reached.append(f"the user is {os.getuid()}")
    reached += [line for line in status("Cap") if int(line.split()[1], 16)]
    if not os.statvfs("/usr").f_flag & os.ST_NOSUID:
        reached.append("/usr honours set-user-id")
    for name, way in ways.items():
        try:
            way()
        except OSError:
            continue
        reached.append(name)
    return ", ".join(reached)


def keep_groups(bait: Bait) -> str:
    """Keep a group of the worker's."""
    kept = {*os.getgroups(), os.getgid()} & set(bait["not_groups"])
    return f"groups {sorted(kept)}" if kept else ""


def multiply(bait: Bait) -> str:
    """Start processes until it is refused."""
    children: list[int] = []
    try:
        while len(children) <= bait["processes"]:
            child = os.fork()
            if not child:
                signal.alarm(CHILD_S)
                signal.pause()
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return f"{len(children)} children of {bait['processes']} processes"


def take_memory(bait: Bait) -> str:
    """Take more memory than allowed in this one process; nothing of it is touched."""
    mmap.mmap(-1, bait["memory_mb"] * 2 * 1024 * 1024, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return "taken"


def fill_scratch(bait: Bait) -> str:
    """Write more into the scratch folder than its size, in files that are each small enough."""
    room, written = bait["scratch_mb"] * 1024 * 1024, 0
    block = bytes(256 * 1024)
    for n in range(room // len(block) + 2):
        with open(f"{bait['scratch']}/fill{n}", "wb", buffering=0) as file:
            written += file.write(block)
    return f"{written} bytes" if written > room else ""


def fill_names(bait: Bait) -> str:
    """Make more files than the scratch folder may hold."""
    for n in range(bait["names"] + 1):
        os.close(os.open(f"{bait['scratch']}/name{n}", os.O_CREAT | os.O_WRONLY, 0o600))
    return f"{bait['names'] + 1} files"


def grow_file(bait: Bait) -> str:
    """Make one file larger than allowed, without writing to it."""
    with open(bait["scratch"] + "/large", "wb") as file:
        os.ftruncate(file.fileno(), (bait["scratch_mb"] + 1) * 1024 * 1024)
    return "grown"


def open_many(bait: Bait) -> str:
    """Open files until it is refused."""
    opened: list[int] = []
    try:
        while len(opened) <= bait["open_files"]:
            opened.append(os.open(os.devnull, os.O_RDONLY))
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return f"{len(opened)} files"


def widen_pipes(bait: Bait) -> str:
    """Make pipes or sockets hold more than they come with: their content is in nobody's memory."""
    del bait
    readable, writable = os.pipe()
    left, right = socket.socketpair()
    try:
        return filtered(lambda: calls.fcntl(writable, 1031, 1 << 20), errno.EPERM) or filtered(
            lambda: left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20), errno.EPERM
        )
    finally:
        for one in (left, right):
            one.close()
        os.close(readable)
        os.close(writable)


def raise_limits(bait: Bait) -> str:
    """Raise a limit, or leave a core dump."""
    reached = [] if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0) else ["core dumps"]
    for name in ("NOFILE", "NPROC", "DATA", "CPU", "FSIZE", "MEMLOCK", "MSGQUEUE"):
        kind = getattr(resource, f"RLIMIT_{name}")
        _, most = resource.getrlimit(kind)
        if most == resource.RLIM_INFINITY:
            reached.append(f"{name} without limit")
            continue
        try:
            resource.setrlimit(kind, (most + 1, most + 1))
        except (OSError, ValueError):
            continue
        reached.append(name)
    del bait
    return ", ".join(reached)


def _old_call() -> None:
    """Do `getpid` by the interrupt that 32-bit programs use."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
