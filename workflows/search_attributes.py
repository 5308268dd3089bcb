"""Search attributes that operators filter runs by in the Temporal UI (row O9)."""

from temporalio.common import SearchAttributeKey

AGENT = SearchAttributeKey.for_keyword("ProctorAgent")
AGENT_VERSION = SearchAttributeKey.for_keyword("ProctorAgentVersion")
OWNER = SearchAttributeKey.for_keyword("ProctorOwner")
TENANT = SearchAttributeKey.for_keyword("ProctorTenant")
AUTONOMY = SearchAttributeKey.for_keyword("ProctorAutonomy")
STATUS = SearchAttributeKey.for_keyword("ProctorStatus")
PENDING_APPROVALS = SearchAttributeKey.for_int("ProctorPendingApprovals")
COST_USD = SearchAttributeKey.for_float("ProctorCostUsd")
ITERATION = SearchAttributeKey.for_int("ProctorIteration")

ALL: tuple[SearchAttributeKey[str] | SearchAttributeKey[int] | SearchAttributeKey[float], ...] = (
    AGENT,
    AGENT_VERSION,
    OWNER,
    TENANT,
    AUTONOMY,
    STATUS,
    PENDING_APPROVALS,
    COST_USD,
    ITERATION,
)
"""All of them; the worker registers what a namespace lacks."""
