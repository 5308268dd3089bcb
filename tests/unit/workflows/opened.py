"""What the store says of a run that a workflow opens, for tests of the workflow alone."""

from proctor.contracts.ids import AgentName, Digest, PrincipalName, TenantId
from proctor.contracts.manifest import Autonomy, Bounds
from proctor.contracts.run import AuditHead, OpenedRun


def opened_run(*, plans_locally: bool = True, **bounds: int) -> OpenedRun:
    """Give an opened run of an autonomous agent."""
    return OpenedRun(
        agent=AgentName("fixer"),
        agent_version="1",
        owner=PrincipalName("wanda"),
        tenant=TenantId("default"),
        autonomy=Autonomy.AUTONOMOUS,
        bundle_digest=Digest("a" * 64),
        bounds=Bounds.model_validate(bounds),
        plans_locally=plans_locally,
        head=AuditHead(n=0, hash=Digest("0" * 64)),
    )
