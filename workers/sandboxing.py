"""What of a worker runs in the sandbox, and the proof that it holds here."""

import platform

from proctor.contracts.host_ports import HostRecord
from proctor.settings import Settings
from proctor.tools.sandbox.local import choose_sandbox
from proctor.tools.sandbox.port import Proof
from proctor.tools.sandbox.proved import ProvedSandbox, mentions_sandbox

CATALOG = "catalog"


async def prepare_sandbox(settings: Settings, hosts: HostRecord) -> ProvedSandbox:
    """Give this host's sandbox, proved already when a document of the project may declare a tool that needs it.

    A sandbox that does not hold refuses every tool; the worker serves the others all the same. Raises `Unavailable`
    when the proof cannot be recorded.
    """

    async def record(proof: Proof) -> None:
        await hosts.record_sandbox(platform.node(), holds=proof.holds, body=proof_body(proof))

    sandbox = ProvedSandbox(choose_sandbox(settings.root, settings.home), record)
    if mentions_sandbox((settings.agents, settings.agents.parent / CATALOG)):
        await sandbox.prove()
    return sandbox


def proof_body(proof: Proof) -> dict[str, object]:
    """Give a proof as the audit keeps it: every attempt by name, and what got out in full."""
    return {
        "back_end": proof.back_end,
        "kernel": proof.kernel,
        "machine": proof.machine,
        "landlock_abi": proof.landlock_abi,
        "blocked": [verdict.name for verdict in proof.verdicts if verdict.blocked],
        "escaped": [verdict.model_dump(mode="json") for verdict in proof.escapes],
    }
