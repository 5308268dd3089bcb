"""The seccomp program, run on a machine of our own against numbers copied by hand from the kernel's tables."""

import pytest

from proctor.tools.sandbox.bpf import program
from tests.unit.sandbox.bpf_machine import ALLOWED, KILLED, Call, run

ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
EPERM, EACCES, ENOSYS = (0x50000 | number for number in (1, 13, 38))

TABLE = [
    ("read", 0, 63, (), ALLOWED),
    ("openat", 257, 56, (), ALLOWED),
    ("execve", 59, 221, (), ALLOWED),
    ("mmap", 9, 222, (), ALLOWED),
    ("exit_group", 231, 94, (), ALLOWED),
    ("socket", 41, 198, (1, 1), EACCES),
    ("connect", 42, 203, (), EACCES),
    ("bind", 49, 200, (), EACCES),
    ("accept4", 288, 242, (), EACCES),
    ("socketpair of streams", 53, 199, (1, 0x80801), ALLOWED),
    ("socketpair of datagrams", 53, 199, (1, 0x80802), EACCES),
    ("socketpair of the internet", 53, 199, (2, 1), EACCES),
    ("sendto nobody", 44, 206, (4, 1, 1, 0, 0), ALLOWED),
    ("sendto somebody", 44, 206, (4, 1, 1, 0, 0x7FFF_0000_1000), EACCES),
    ("sendto a high address", 44, 206, (4, 1, 1, 0, 0x7FFF_0000_0000), EACCES),
    ("clone of a thread", 56, 220, (0x3D0F00,), ALLOWED),
    ("clone with a user namespace", 56, 220, (0x1000_0011,), EPERM),
    ("clone with a network namespace", 56, 220, (0x4000_0011,), EPERM),
    ("clone with a mount namespace", 56, 220, (0x2_0011,), EPERM),
    ("clone3", 435, 435, (), ENOSYS),
    ("ioctl TCGETS", 16, 29, (0, 0x5401), ALLOWED),
    ("ioctl TIOCSTI", 16, 29, (0, 0x5412), EPERM),
    ("ioctl TIOCSTI with rubbish above", 16, 29, (0, 0xFFFF_FFFF_0000_5412), EPERM),
    ("ioctl TIOCLINUX", 16, 29, (0, 0x541C), EPERM),
    ("fcntl F_GETFL", 72, 25, (0, 3), ALLOWED),
    ("fcntl F_SETPIPE_SZ", 72, 25, (0, 1031), EPERM),
    ("setsockopt SO_SNDBUF", 54, 208, (0, 1, 7), EPERM),
    ("setsockopt SO_SNDBUFFORCE", 54, 208, (0, 1, 32), EPERM),
    ("setsockopt SO_RCVTIMEO", 54, 208, (0, 1, 20), ALLOWED),
    ("personality as it is", 135, 92, (0xFFFF_FFFF,), ALLOWED),
    ("personality without randomness", 135, 92, (0x4_0000,), EPERM),
    ("own limits", 302, 261, (0,), ALLOWED),
    ("another process' limits", 302, 261, (1,), EPERM),
    ("ptrace", 101, 117, (), ENOSYS),
    ("process_vm_readv", 310, 270, (), ENOSYS),
    ("unshare", 272, 97, (), ENOSYS),
    ("setns", 308, 268, (), ENOSYS),
    ("mount", 165, 40, (), ENOSYS),
    ("umount2", 166, 39, (), ENOSYS),
    ("chroot", 161, 51, (), ENOSYS),
    ("pivot_root", 155, 41, (), ENOSYS),
    ("open_tree", 428, 428, (), ENOSYS),
    ("bpf", 321, 280, (), ENOSYS),
    ("perf_event_open", 298, 241, (), ENOSYS),
    ("userfaultfd", 323, 282, (), ENOSYS),
    ("keyctl", 250, 219, (), ENOSYS),
    ("kexec_load", 246, 104, (), ENOSYS),
    ("finit_module", 313, 273, (), ENOSYS),
    ("io_uring_setup", 425, 425, (), ENOSYS),
    ("io_uring_enter", 426, 426, (), ENOSYS),
    ("memfd_create", 319, 279, (), ENOSYS),
    ("shmget", 29, 194, (), ENOSYS),
    ("open_by_handle_at", 304, 265, (), ENOSYS),
    ("setresuid", 117, 147, (), ENOSYS),
    ("reboot", 169, 142, (), ENOSYS),
    ("a call of the future", 600, 600, (), ENOSYS),
    ("no call at all", 0x3FFF_FFFF, 0x3FFF_FFFF, (), ENOSYS),
]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filter_answers_each_call_as_the_table_says(machine: str) -> None:
    """What is allowed, refused, or does not exist, with the arguments that make the difference."""
    code = program(machine)
    found = {}
    for name, intel, arm, arguments, _ in TABLE:
        call = Call(intel if machine == "x86_64" else arm, arguments, ARCHITECTURE[machine])
        found[name] = run(code, call)
    assert {name: answer for name, _, _, _, answer in TABLE} == found


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_other_architectures_end_the_process(machine: str) -> None:
    """A 32-bit call, or one of another machine, has other numbers: nothing may be read into them."""
    code = program(machine)
    others = {0x4000_0003, 0x4000_0028, *ARCHITECTURE.values()} - {ARCHITECTURE[machine]}
    assert {KILLED} == {run(code, Call(0, (), other)) for other in others}


def test_x32_calls_end_the_process() -> None:
    """The numbers of x32 are those of x86_64 with a bit set, and some mean something else."""
    code = program("x86_64")
    calls = [0x4000_0000, 0x4000_0000 + 59, 0x4000_0000 + 520, 0xFFFF_FFFF]
    assert {KILLED} == {run(code, Call(number, (), ARCHITECTURE["x86_64"])) for number in calls}


def test_unknown_machine_has_no_filter() -> None:
    """No table, no filter: nothing is guessed."""
    with pytest.raises(KeyError):
        program("riscv64")
