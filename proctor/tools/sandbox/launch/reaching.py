"""Attempts to reach what is outside: files, sockets, processes, the terminal."""

import errno
import os
import socket

from proctor.tools.sandbox.launch import calls
from proctor.tools.sandbox.launch.trying import Bait, create, each, filtered, read, strangers


def read_files_outside(bait: Bait) -> str:
    """Read what everybody on the host may read, by its path."""
    return each(bait["files"], read)


def read_without_rule(bait: Bait) -> str:
    """Read a file that is in the view and that no rule allows: the second wall alone."""
    return each([bait["sealed"]], read) if bait["has_landlock"] else ""


def list_folders_outside(bait: Bait) -> str:
    """List the folders of people and of the project."""
    return each(bait["folders"], os.listdir)


def write_outside(bait: Bait) -> str:
    """Create a file anywhere but in the scratch folder."""
    return each(bait["read_only"], create)


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

    return each([*bait["devices"], made], use)


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
    return each(list(kinds), lambda name: socket.socket(*kinds[name]).close())


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
    return filtered(lambda: left.sendto(b"escaped", "\0" + bait["abstract"]), errno.EACCES)


def read_environment(bait: Bait) -> str:
    """Find secrets of the worker in the environment, ours or another process'."""
    unexpected = sorted(set(os.environ) - set(bait["environment"]))
    if unexpected:
        return ", ".join(unexpected)
    return each([f"/proc/{pid}/environ" for pid in strangers(bait)], read)


def signal_outside(bait: Bait) -> str:
    """Signal processes of the host."""
    return each([str(pid) for pid in strangers(bait)], lambda pid: os.kill(int(pid), 0))


def see_processes_outside(bait: Bait) -> str:
    """Find processes of the host in /proc: there a process namespace of our own has few."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    strangers = {bait["worker"], bait["victim"]} & set(pids)
    return f"{len(pids)} processes" if strangers and len(pids) > bait["processes"] else ""


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
        return filtered(lambda: calls.ioctl(0, 0x5412, b"x"), errno.EPERM)
    return "/dev/tty opened"
