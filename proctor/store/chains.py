"""The audit chain of an agent: what governs it, and who said so."""

from typing import Any

from proctor.contracts.audit import agent_chain, chain
from proctor.contracts.ids import AgentName
from proctor.store.database import Connection
from proctor.store.queries import query
from proctor.store.rows import to_head
from proctor.store.storable import clean_body


async def lock_agent(connection: Connection, agent: str) -> Any:
    """Lock what governs an agent for this transaction, after any run; gives the end of the agent's audit chain."""
    return await connection.fetchrow(query("lock_agent"), agent)


async def append(connection: Connection, agent: AgentName, end: Any, *events: tuple[str, dict[str, Any]]) -> None:
    """Append audit records to an agent's chain, whose `end` came from `lock_agent` in this transaction."""
    at = await connection.fetchval(query("now"))
    bodies = [(kind, clean_body(body)) for kind, body in events]
    records = chain(agent_chain(agent), to_head(end), at, bodies)
    rows = [record.model_dump(mode="json") for record in records]
    await connection.execute(query("append_to_agent"), agent, rows, records[-1].n, records[-1].hash)
