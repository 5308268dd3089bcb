"""Sandboxed tools through the whole platform: their proof, their results, and a kill in the middle of one."""

import os
import platform
from pathlib import Path

import pytest

from gateway.auditing import read_trail
from proctor.contracts.audit import agent_chain
from proctor.contracts.host_ports import host_chain
from proctor.contracts.run import RunStatus
from proctor.tools.sandbox.host import Host
from tests.acceptance.siege import Siege, key

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.slow,
    pytest.mark.skipif(not Host.look().has_user_namespaces, reason="this host cannot give a sandbox"),
]


async def test_worker_proves_its_sandbox_in_a_chain_of_its_host(besieged: Siege) -> None:
    """Whoever audits sees which host proved what, and that nobody changed it."""
    chain = agent_chain(host_chain(platform.node()))
    archive = besieged.gateway.store.archive
    records = await archive.audit(chain)
    assert "sandbox_proved" == records[-1].kind
    assert (True, []) == (len(records[-1].body["blocked"]) >= 40, records[-1].body["escaped"])
    assert [] == (await read_trail(chain, archive, besieged.gateway.engine)).breaks()
    assert chain in await archive.agent_chains()


async def test_sandboxed_tools_answer_and_see_nothing_of_the_project(besieged: Siege) -> None:
    """The effect's key reaches the process; the function runs elsewhere than in the worker."""
    run_id = await besieged.start(key("compute"), "compute")
    record = await besieged.end(run_id)
    assert RunStatus.COMPLETED is record.status
    kinds = await besieged.kinds(run_id)
    assert (1, 0) == (kinds.count("effect_confirmed"), kinds.count("effect_unknown"))
    observed = await besieged.gateway.store.archive.observations(run_id)
    assert [] != [line for line in observed if '"sum":42' in line.model_dump_json().replace("\\", "")]


async def test_kill_ends_the_process_and_says_that_nothing_happened(besieged: Siege) -> None:
    """Everything that the command started is gone with it, and the receipt has no unknown effect."""
    mark = f"killed-{os.getpid()}"
    run_id = await besieged.start(key("compute-slowly"), "compute_slowly", what=mark)

    async def begun() -> bool:
        return bool(alive(mark))

    await besieged.until(begun)
    report = await besieged.kill(run_id)
    assert ((), RunStatus.KILLED, []) == (report.still_open, await besieged.status(run_id), alive(mark))
    kinds = await besieged.kinds(run_id)
    assert (0, 0) == (kinds.count("effect_unknown"), kinds.count("effect_confirmed"))
    assert [] == await besieged.breaks(run_id)


def alive(mark: str) -> list[str]:
    """Name the processes whose command line has the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if mark.encode() in line:
            found.append(entry.name)
    return found
