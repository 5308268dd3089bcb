"""Runs inside a sandbox and tries to get out of it. Each attempt that succeeds says what it reached.

Every attempt is one function: it raises `OSError` (or runs out of memory) when it is blocked, and gives a text when it
got somewhere. What is blocked by two walls has an attempt at each where that is possible, so that neither can be gone
unnoticed.
"""

import json
import sys

from proctor.tools.sandbox.launch import exceeding, reaching
from proctor.tools.sandbox.launch.trying import Attempt


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


ATTEMPTS: dict[str, Attempt] = {
    attempt.__name__.replace("_", " "): attempt
    for attempt in (
        reaching.read_files_outside,
        reaching.read_without_rule,
        reaching.list_folders_outside,
        reaching.write_outside,
        reaching.write_through_mounts,
        reaching.open_devices,
        reaching.connect_tcp,
        reaching.send_udp,
        reaching.make_other_sockets,
        reaching.connect_unix_path,
        reaching.connect_unix_abstract,
        reaching.send_from_pair,
        reaching.address_stream_of_pair,
        reaching.read_environment,
        reaching.signal_outside,
        reaching.see_processes_outside,
        exceeding.trace_processes,
        exceeding.read_memory_of_others,
        exceeding.share_namespaces,
        exceeding.make_namespaces,
        exceeding.mount_things,
        exceeding.reach_kernel,
        exceeding.use_io_uring,
        exceeding.use_other_architecture,
        exceeding.gain_rights,
        exceeding.keep_groups,
        exceeding.multiply,
        exceeding.take_memory,
        exceeding.open_many,
        exceeding.widen_pipes,
        exceeding.raise_limits,
        reaching.use_inherited,
        reaching.type_into_terminal,
        exceeding.grow_file,
        exceeding.fill_scratch,
        exceeding.fill_names,
    )
}
