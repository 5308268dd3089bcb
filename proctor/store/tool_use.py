"""How tools were used, in Postgres."""

from proctor.contracts.catalog import ToolUsage
from proctor.contracts.ids import ToolName
from proctor.store.database import Database


class PostgresToolUse:
    """Implements `ToolUse`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def usage(self, within_s: float, tool: ToolName | None = None) -> list[ToolUsage]:
        """Count calls by tool, version, agent and tenant, most used first."""
        return [ToolUsage.model_validate(dict(row)) for row in await self._database.rows("tool_usage", tool, within_s)]
