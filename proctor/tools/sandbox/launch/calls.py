"""Raw system calls for the probe: those that a sandbox must not have, by number, past all wrappers."""

import ctypes
import errno
import os

_TRIED = """
ptrace:101/117 process_vm_readv:310/270 unshare:272/97 clone:56/220 clone3:435/435 setns:308/268 mount:165/40
umount2:166/39 pivot_root:155/41 chroot:161/51 fsopen:430/430 open_tree:428/428 move_mount:429/429
mount_setattr:442/442 io_uring_setup:425/425 setresuid:117/147 setgroups:116/159
"""
_DANGEROUS = """
bpf:321/280 perf_event_open:298/241 userfaultfd:323/282 add_key:248/217 keyctl:250/219 request_key:249/218
kexec_load:246/104 kexec_file_load:320/294 init_module:175/105 finit_module:313/273 delete_module:176/106
reboot:169/142 swapon:167/224 acct:163/89 quotactl:179/60 syslog:103/116 fanotify_init:300/262
open_by_handle_at:304/- name_to_handle_at:303/- memfd_create:319/279 memfd_secret:447/447 shmget:29/194
msgget:68/186 semget:64/190 mq_open:240/180 vmsplice:278/75 process_vm_writev:311/271 kcmp:312/272
pidfd_getfd:438/438 io_uring_enter:426/426 io_uring_register:427/427 settimeofday:164/170 clock_settime:227/112
clock_adjtime:305/266 adjtimex:159/171 sethostname:170/161 iopl:172/- modify_ldt:154/- mbind:237/235
move_pages:279/239 process_madvise:440/440 setuid:105/146 setgid:106/144 lookup_dcookie:212/18
"""
_libc = ctypes.CDLL(None, use_errno=True)


def _numbers(table: str) -> dict[str, int]:
    column = 1 if os.uname().machine == "aarch64" else 0
    split = (entry.split(":") for entry in table.split())
    return {name: int(pair.split("/")[column]) for name, pair in split if pair.split("/")[column] != "-"}


DANGEROUS = _numbers(_DANGEROUS)
"""Calls that the filter must answer itself."""
_NUMBERS = _numbers(_TRIED) | DANGEROUS


def call(name: str, *arguments: int | bytes | None) -> int:
    """Make a system call. Raises `OSError`, `ENOSYS` for one that this machine does not have."""
    if name not in _NUMBERS:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    words = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return _done(_libc.syscall(ctypes.c_long(_NUMBERS[name]), *words))


def fcntl(descriptor: int, command: int, value: int) -> int:
    """Control a descriptor. Raises `OSError`."""
    return _done(_libc.fcntl(ctypes.c_int(descriptor), ctypes.c_int(command), ctypes.c_long(value)))


def ioctl(descriptor: int, request: int, value: bytes) -> int:
    """Control a device. Raises `OSError`."""
    return _done(_libc.ioctl(ctypes.c_int(descriptor), ctypes.c_ulong(request), value))


def _done(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
