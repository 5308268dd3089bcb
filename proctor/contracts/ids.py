"""Typed identifiers, and the keys that are derived from them."""

import re
import secrets
from typing import NewType

RunId = NewType("RunId", str)
"""Identifies a run; equals the Temporal workflow id and, in the default tenant, the idempotency key."""
AgentName = NewType("AgentName", str)
ToolName = NewType("ToolName", str)
TenantId = NewType("TenantId", str)
PrincipalName = NewType("PrincipalName", str)
Digest = NewType("Digest", str)
"""SHA-256 in 64 lower-case hexadecimal characters."""
EffectKey = NewType("EffectKey", str)
"""Idempotency key of one external effect; travels to the tool."""
RequestId = NewType("RequestId", str)
"""Identifies a request to a person (approval, question, unknown outcome, budget)."""

DEFAULT_TENANT = TenantId("default")
IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Form of an idempotency key: it becomes part of workflow ids and HTTP headers, so it holds no separators."""


def effect_key(run_id: RunId, step: int, call: int) -> EffectKey:
    """Derive the key of a call from its place in the recorded plan, never from its arguments."""
    return EffectKey(f"{run_id}/{step}/{call}")


def compensation_key(key: EffectKey) -> EffectKey:
    """Derive the key of the compensation of the effect with `key`."""
    return EffectKey(f"{key}/undo")


def run_id_for(tenant: TenantId, idempotency_key: str) -> RunId:
    """Derive a run's id, so that the same key always names the same run."""
    return RunId(idempotency_key if tenant == DEFAULT_TENANT else f"{tenant}~{idempotency_key}")


def new_idempotency_key(agent: AgentName) -> str:
    """Make a fresh key for a caller that gave none. Gateway only: it is not deterministic."""
    return f"{agent}-{secrets.token_hex(5)}"
