"""The file system that a sandboxed command sees, built in namespaces of its own."""

import os

from proctor.tools.sandbox.launch import kernel
from proctor.tools.sandbox.launch.plan import Plan

BASE = "/tmp"  # noqa: S108 - covered by a file system of our own before anything is made in it
"""Where the new root is put together: any folder that every system has."""
OWN = kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWCGROUP
_READ_ONLY = kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID
_SMALL = kernel.MS_NOSUID | kernel.MS_NODEV


def build(plan: Plan) -> None:
    """Leave the host's mounts, network, IPC and names for a read-only root with one scratch folder."""
    kernel.unshare(OWN)
    kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    # Before BASE is covered: what is to be seen may lie below it.
    trees = [(path, _copied(path, nodev=True)) for path in sorted(plan["visible"])]
    trees += [(path, _copied(path, nodev=False)) for path in plan["devices"]]
    kernel.mount("tmpfs", BASE, "tmpfs", _SMALL, "size=1m,nr_inodes=4096,mode=755")
    for path, tree in trees:
        _attach(path, tree)
    _make_small_things(plan)
    for path in ("/proc", plan["scratch"]):
        os.makedirs(BASE + path, mode=0o755)
    furnish(BASE, plan)
    kernel.limit_mount(BASE, kernel.MOUNT_ATTR_RDONLY)
    kernel.enter_root(BASE)


def _copied(path: str, *, nodev: bool) -> int:
    tree = kernel.copy_tree(path)
    kernel.limit_tree(tree, _READ_ONLY | (kernel.MOUNT_ATTR_NODEV if nodev else 0))
    return tree


def _attach(path: str, tree: int) -> None:
    target = BASE + path
    if not os.path.lexists(target):
        if os.path.isdir(f"/proc/self/fd/{tree}"):
            os.makedirs(target, mode=0o755)
        else:
            os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    kernel.attach_tree(tree, target)
    os.close(tree)


def _make_small_things(plan: Plan) -> None:
    for path, content in plan["files"].items():
        os.makedirs(os.path.dirname(BASE + path), mode=0o755, exist_ok=True)
        made = os.open(BASE + path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644)
        os.write(made, content)
        os.close(made)
    for path, says in plan["links"].items():
        os.makedirs(os.path.dirname(BASE + path), mode=0o755, exist_ok=True)
        if not os.path.lexists(BASE + path):
            os.symlink(says, BASE + path)


def furnish(base: str, plan: Plan) -> None:
    """Mount what each sandbox has of its own: its processes in /proc, and the scratch folder."""
    _mount_processes(base)
    size, user = plan["scratch_mb"], plan["user"]
    if size:
        options = f"size={size}m,nr_inodes={1024 + 64 * size},mode=700,uid={user},gid={user}"
        kernel.mount("tmpfs", base + plan["scratch"], "tmpfs", _SMALL, options)


def _mount_processes(base: str) -> None:
    """Show the sandbox's own processes and nothing of the machine; where the host forbids it, not even those."""
    try:
        flags = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
        kernel.mount("proc", base + "/proc", "proc", flags, "subset=pid")
    except OSError:
        return
