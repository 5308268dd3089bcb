"""Runs inside a sandbox and tries to get out of it. Each attempt that succeeds says what it reached.

Every attempt is one function: it raises `OSError` (or runs out of memory) when it is blocked, and gives a text when it
got somewhere. What is blocked by two walls has an attempt at each where that is possible, so that neither can be gone
unnoticed.
"""

import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from proctor.tools.sandbox.launch import calls

Bait = dict[str, Any]
Attempt = Callable[[Bait], str]
_libc = ctypes.CDLL(None, use_errno=True)
CHILD_S = 30


def main() -> None:
    """Read the bait from standard input, try everything, and write a line for each attempt."""
    bait = json.load(sys.stdin)
    for name, attempt in ATTEMPTS.items():
        try:
            reached = attempt(bait)
        except (OSError, MemoryError, ValueError) as error:
            reached, detail = "", str(error) or type(error).__name__
        else:
            detail = reached
        sys.stdout.write(json.dumps({"name": name, "blocked": not reached, "detail": detail[:200]}) + "\n")
    sys.stdout.flush()


def _each(what: list[str], attempt: Callable[[str], object]) -> str:
    """Try several ways of the same; name those that succeeded, or raise the last refusal."""
    reached, refused = [], OSError("nothing to try")
    for one in what:
        try:
            attempt(one)
        except OSError as error:
            refused = error
        else:
            reached.append(one)
    if not reached:
        raise refused
    return ", ".join(reached)


def _read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(1)


def _strangers(bait: Bait) -> list[int]:
    """Give processes of the host, but none whose number one of our own has in a process namespace of ours."""
    pids = [bait["worker"], bait["victim"]]
    if os.path.exists("/proc/self") and os.readlink("/proc/self/ns/pid") != bait["namespaces"]["pid"]:
        return [pid for pid in pids if not os.path.exists(f"/proc/{pid}")]
    return pids


def _create(folder: str) -> None:
    os.close(os.open(folder + "/escaped", os.O_CREAT | os.O_WRONLY, 0o600))


def read_files_outside(bait: Bait) -> str:
    """Read what everybody on the host may read, by its path."""
    return _each(bait["files"], _read)


def read_without_rule(bait: Bait) -> str:
    """Read a file that is in the view and that no rule allows: the second wall alone."""
    return _each([bait["sealed"]], _read) if bait["has_landlock"] else ""


def list_folders_outside(bait: Bait) -> str:
    """List the folders of people and of the project."""
    return _each(bait["folders"], os.listdir)


def write_outside(bait: Bait) -> str:
    """Create a file anywhere but in the scratch folder."""
    return _each(bait["read_only"], _create)


def write_through_mounts(bait: Bait) -> str:
    """Find a file system that is not mounted read-only, scratch apart: the first wall alone."""
    found = [path for path in bait["read_only"] if not os.statvfs(path).f_flag & os.ST_RDONLY]
    return ", ".join(found)


def open_devices(bait: Bait) -> str:
    """Open the devices of the machine, or make one."""
    made = bait["scratch"] + "/device"

    def use(path: str) -> None:
        if path == made:
            os.mknod(made, 0o20600, os.makedev(1, 1))
        else:
            os.close(os.open(path, os.O_RDONLY))

    return _each([*bait["devices"], made], use)


def connect_tcp(bait: Bait) -> str:
    """Connect to a server of the host."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.settimeout(0.2)
        made.connect(("127.0.0.1", bait["tcp"]))
    return "connected"


def send_udp(bait: Bait) -> str:
    """Send a datagram to the host."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(b"escaped", ("127.0.0.1", bait["udp"]))
    return "sent"


def make_other_sockets(bait: Bait) -> str:
    """Make sockets of the families that reach the kernel, the hypervisor or the wire."""
    del bait
    kinds = {"inet6": (10, 1, 0), "netlink": (16, 3, 0), "packet": (17, 3, 0), "vsock": (40, 1, 0), "alg": (38, 5, 0)}
    return _each(list(kinds), lambda name: socket.socket(*kinds[name]).close())


def connect_unix_path(bait: Bait) -> str:
    """Connect to a Unix socket by its path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.connect(bait["unix"])
    return "connected"


def connect_unix_abstract(bait: Bait) -> str:
    """Connect to a Unix socket that has a name and no path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.connect("\0" + bait["abstract"])
    return "connected"


def send_from_pair(bait: Bait) -> str:
    """Address a datagram of a socket pair, which needs no socket(2), to a socket outside."""
    left, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    left.sendto(b"escaped", "\0" + bait["abstract_datagrams"])
    return "sent"


def address_stream_of_pair(bait: Bait) -> str:
    """Give an address to what is sent over a connected pair: the filter must not let one through at all."""
    left, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return _filtered(lambda: left.sendto(b"escaped", "\0" + bait["abstract"]), errno.EACCES)


def read_environment(bait: Bait) -> str:
    """Find secrets of the worker in the environment, ours or another process'."""
    unexpected = sorted(set(os.environ) - set(bait["environment"]))
    if unexpected:
        return ", ".join(unexpected)
    return _each([f"/proc/{pid}/environ" for pid in _strangers(bait)], _read)


def signal_outside(bait: Bait) -> str:
    """Signal processes of the host."""
    return _each([str(pid) for pid in _strangers(bait)], lambda pid: os.kill(int(pid), 0))


def see_processes_outside(bait: Bait) -> str:
    """Find processes of the host in /proc: there a process namespace of our own has few."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    strangers = {bait["worker"], bait["victim"]} & set(pids)
    return f"{len(pids)} processes" if strangers and len(pids) > bait["processes"] else ""


def trace_processes(bait: Bait) -> str:
    """Trace a process: also the harmless request to be traced, which only a filter refuses."""
    attempts = {"be traced": (0, 0), "attach to 1": (16, 1), "seize the victim": (0x4206, bait["victim"])}
    return _each(list(attempts), lambda name: calls.call("ptrace", *attempts[name], 0, 0))


def read_memory_of_others(bait: Bait) -> str:
    """Read the memory of another process."""
    del bait
    buffer = ctypes.create_string_buffer(16)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 16)
    at = ctypes.addressof(vector)
    return _each(
        ["/proc/1/mem", "process_vm_readv"],
        lambda way: _read(way) if way[0] == "/" else calls.call(way, os.getpid(), at, 1, at, 1, 0),
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
    reached = _filtered(lambda: _forked(calls.call("clone", user | signal.SIGCHLD, 0, 0, 0, 0)), errno.EPERM)
    return f"clone {reached}" if reached else _filtered_each(attempts)


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
    return _filtered_each(attempts)


def reach_kernel(bait: Bait) -> str:
    """Make the calls that most holes of the kernel were found in: the filter must not let one through."""
    del bait
    return _filtered_each({name: partial(calls.call, name, 0, 0, 0, 0, 0, 0) for name in calls.DANGEROUS})


def use_io_uring(bait: Bait) -> str:
    """Set up io_uring, whose requests no filter sees."""
    del bait
    return _filtered_each({"io_uring_setup": lambda: calls.call("io_uring_setup", 1, bytes(120))})


def use_other_architecture(bait: Bait) -> str:
    """Call the kernel by x86's other two interfaces, which number their calls differently."""
    del bait
    if os.uname().machine != "x86_64":
        return ""
    ways = {"x32": lambda: _libc.syscall(ctypes.c_long(0x4000_0000 + 39)), "int 0x80": _old_call}
    return _each(list(ways), lambda name: _survives(ways[name]))


def gain_rights(bait: Bait) -> str:
    """Become root, or keep something of root."""
    ways: dict[str, Callable[[], object]] = {
        "setresuid": lambda: calls.call("setresuid", 0, 0, 0),
        "setgroups": lambda: calls.call("setgroups", 0, 0),
    }
    reached = [] if _libc.prctl(39, 0, 0, 0, 0) == 1 else ["new privileges are allowed"]
    if os.getuid() in bait["not_users"]:
        reached.append(f"the user is {os.getuid()}")
    reached += [line for line in _status("Cap") if int(line.split()[1], 16)]
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
    """Make pipes hold more than a page or sixteen: their content is in nobody's memory."""
    del bait
    readable, writable = os.pipe()
    try:
        return _filtered(lambda: calls.fcntl(writable, 1031, 1 << 20), errno.EPERM)
    finally:
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


def use_inherited(bait: Bait) -> str:
    """Use a descriptor that nobody meant to give."""
    del bait
    found = []
    for descriptor in range(3, 4096):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        found.append(str(descriptor))
    return ", ".join(found)


def type_into_terminal(bait: Bait) -> str:
    """Reach the terminal of whoever started the worker."""
    del bait
    if os.getsid(0) != os.getpid():
        return f"session {os.getsid(0)} is somebody else's"
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return _filtered(lambda: calls.ioctl(0, 0x5412, b"x"), errno.EPERM)
    return "/dev/tty opened"


def _filtered_each(attempts: dict[str, Callable[[], object]]) -> str:
    reached = [name for name, attempt in attempts.items() if _filtered(attempt, errno.ENOSYS)]
    if not reached:
        raise OSError(errno.ENOSYS, f"{len(attempts)} calls refused")
    return ", ".join(reached)


def _filtered(attempt: Callable[[], object], *expected: int) -> str:
    """Say what came of a call that the filter answers with `expected`: another error means that it let it through."""
    try:
        attempt()
    except OSError as error:
        return "" if error.errno in expected else f"reached the kernel: {error}"
    return "reached the kernel"


def _forked(child: int) -> None:
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def _survives(act: Callable[[], object]) -> None:
    """Do it in a child. Raises `OSError` when that kills the child."""
    child = os.fork()
    if not child:
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        raise OSError(errno.EPERM, f"ended with {status}")


def _old_call() -> None:
    """Do `getpid` by the interrupt that 32-bit programs use."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()


def _status(prefix: str) -> list[str]:
    with open("/proc/self/status") as file:
        return [line.strip() for line in file if line.startswith(prefix)]


ATTEMPTS: dict[str, Attempt] = {
    attempt.__name__.replace("_", " "): attempt
    for attempt in (
        read_files_outside,
        read_without_rule,
        list_folders_outside,
        write_outside,
        write_through_mounts,
        open_devices,
        connect_tcp,
        send_udp,
        make_other_sockets,
        connect_unix_path,
        connect_unix_abstract,
        send_from_pair,
        address_stream_of_pair,
        read_environment,
        signal_outside,
        see_processes_outside,
        trace_processes,
        read_memory_of_others,
        share_namespaces,
        make_namespaces,
        mount_things,
        reach_kernel,
        use_io_uring,
        use_other_architecture,
        gain_rights,
        keep_groups,
        multiply,
        take_memory,
        open_many,
        widen_pipes,
        raise_limits,
        use_inherited,
        type_into_terminal,
        grow_file,
        fill_scratch,
        fill_names,
    )
}
