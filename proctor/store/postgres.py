"""The store on Postgres, as one object."""

from proctor.contracts.approving_ports import ApproverKeys, Delegations, SpokenWords
from proctor.contracts.archive_ports import RunArchive
from proctor.contracts.catalog import ToolUse
from proctor.contracts.chat_ports import SeenMessages
from proctor.contracts.control_ports import Controls, Undoing
from proctor.contracts.drilling import Drills
from proctor.contracts.events import Addresses, Outbox
from proctor.contracts.governing_ports import AutonomyRecord, PolicyRegister
from proctor.contracts.granting_ports import Grants
from proctor.contracts.host_ports import HostRecord
from proctor.contracts.identity_ports import ApiKeys, Identities
from proctor.contracts.kill_ports import KillSwitch
from proctor.contracts.outside import Beginnings, Webhooks
from proctor.contracts.people_ports import People
from proctor.contracts.ports import Admissions, Knowledge, RunJournal
from proctor.contracts.session_ports import WebSessions
from proctor.contracts.traffic import Traffic
from proctor.store.addresses import PostgresAddresses
from proctor.store.admissions import PostgresAdmissions
from proctor.store.api_keys import PostgresApiKeys
from proctor.store.approver_keys import PostgresApproverKeys
from proctor.store.archive import PostgresRunArchive
from proctor.store.autonomy import PostgresAutonomyRecord
from proctor.store.beginnings import PostgresBeginnings
from proctor.store.control import PostgresControls
from proctor.store.database import Database
from proctor.store.delegations import PostgresDelegations
from proctor.store.drills import PostgresDrills
from proctor.store.grants import PostgresGrants
from proctor.store.hosts import PostgresHostRecord
from proctor.store.identities import PostgresIdentities
from proctor.store.journal import PostgresRunJournal
from proctor.store.kills import PostgresKillSwitch
from proctor.store.knowledge import PostgresKnowledge
from proctor.store.outbox import PostgresOutbox
from proctor.store.people import PostgresPeople
from proctor.store.register import PostgresPolicyRegister
from proctor.store.seen_messages import PostgresSeenMessages
from proctor.store.spoken import PostgresSpokenWords
from proctor.store.tool_use import PostgresToolUse
from proctor.store.traffic import PostgresTraffic
from proctor.store.undoing import PostgresUndoing
from proctor.store.web_sessions import PostgresWebSessions
from proctor.store.webhooks import PostgresWebhooks


class PostgresStore:
    """All store ports over one pool of connections."""

    def __init__(self, database: Database) -> None:
        """Take an open database; `PostgresStore.connect` opens one."""
        self._database = database
        self.journal: RunJournal = PostgresRunJournal(database)
        self.admissions: Admissions = PostgresAdmissions(database)
        self.people: People = PostgresPeople(database)
        self.kills: KillSwitch = PostgresKillSwitch(database)
        self.drills: Drills = PostgresDrills(database)
        self.hosts: HostRecord = PostgresHostRecord(database)
        self.archive: RunArchive = PostgresRunArchive(database)
        self.policies: PolicyRegister = PostgresPolicyRegister(database)
        self.autonomy: AutonomyRecord = PostgresAutonomyRecord(database)
        self.controls: Controls = PostgresControls(database)
        self.undoing: Undoing = PostgresUndoing(database)
        self.api_keys: ApiKeys = PostgresApiKeys(database)
        self.identities: Identities = PostgresIdentities(database)
        self.seen_messages: SeenMessages = PostgresSeenMessages(database)
        self.approver_keys: ApproverKeys = PostgresApproverKeys(database)
        self.delegations: Delegations = PostgresDelegations(database)
        self.words: SpokenWords = PostgresSpokenWords(database)
        self.grants: Grants = PostgresGrants(database)
        self.outbox: Outbox = PostgresOutbox(database)
        self.addresses: Addresses = PostgresAddresses(database)
        self.webhooks: Webhooks = PostgresWebhooks(database)
        self.beginnings: Beginnings = PostgresBeginnings(database)
        self.web_sessions: WebSessions = PostgresWebSessions(database)
        self.knowledge: Knowledge = PostgresKnowledge(database)
        self.tool_use: ToolUse = PostgresToolUse(database)
        self.traffic: Traffic = PostgresTraffic(database)

    @classmethod
    async def connect(cls, dsn: str, *, min_size: int = 1, max_size: int = 20) -> "PostgresStore":
        """Connect, acting as `proctor_app`. The pool survives restarts of the server.

        Raises:
            Unavailable: the server does not answer, or its database is not migrated.

        """
        return cls(await Database.connect(dsn, min_size=min_size, max_size=max_size))

    async def ping(self) -> None:
        """Check that Postgres answers. Raises `Unavailable`."""
        await self._database.check_schema()

    async def close(self) -> None:
        """Close all connections."""
        await self._database.close()
