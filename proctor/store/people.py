"""Principals, requests to them and their decisions, in Postgres."""

import hashlib

from proctor.contracts.audit import INSTALLATION
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, UnknownName
from proctor.contracts.human import DecisionReceipt, HumanDecision, HumanRequest, Principal, Role
from proctor.contracts.ids import PrincipalName, RequestId, RunId
from proctor.store.bundles import BundleShelf
from proctor.store.chains import append, lock_agent
from proctor.store.database import Database
from proctor.store.deciders import hint_for, storable
from proctor.store.deciding import Deciding, check_word
from proctor.store.edit_fitting import check_fits
from proctor.store.queries import query
from proctor.store.rows import to_request
from proctor.store.storable import clean

SHORTEST_PREFIX = 6
PERSONAL = frozenset({Role.APPROVER, Role.OWNER})
"""Roles that only a person can have."""
PROCTOR = PrincipalName("proctor")
"""Who enrols where nobody is there yet: the first principal, and those of a development stack."""


class PostgresPeople:
    """Implements `People`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._bundles = BundleShelf(database)

    async def authenticate(self, token: str) -> Principal:
        """Give the principal of a token. Raises `NotAuthorised`."""
        row = await self._database.row("principal_by_token", _token_hash(token))
        if row is None:
            raise NotAuthorised(
                "this token is nobody's", hint="check what you entered (or PROCTOR_TOKEN), or be enrolled"
            )
        return Principal(name=row["name"], roles=frozenset(Role(role) for role in row["roles"]))

    async def principal(self, name: PrincipalName) -> Principal:
        """Give a principal as it is now. Raises `UnknownName`: there is none of that name, or it is disabled."""
        row = await self._database.row("principal_by_name", clean(name))
        if row is None:
            raise UnknownName(f"there is no principal {name}", hint="`proctor principals add` makes one")
        return Principal(name=row["name"], roles=frozenset(Role(role) for role in row["roles"]))

    async def enrol(
        self,
        name: PrincipalName,
        roles: frozenset[Role],
        token: str,
        *,
        is_service: bool = False,
        by: PrincipalName | None = None,
    ) -> Principal:
        """Create a principal or replace its roles and token; as the port says."""
        if is_service and roles & PERSONAL:
            raise InvalidInput(
                f"{name} is a service: it neither approves nor owns", hint="give those roles to a person"
            )
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            ended = [row["id"] for row in await connection.fetch(query("end_keys_of_disabled"), name, by or PROCTOR)]
            fields = (name, sorted(roles), _token_hash(token), is_service)
            if await connection.fetchval(query("enrol"), *fields) is None:
                raise Refused(
                    f"{name} is a {'person' if is_service else 'service'}, and stays one", hint="use another name"
                )
            said = {"principal": name, "roles": sorted(roles), "is_service": is_service, "by": by or PROCTOR}
            await append(connection, INSTALLATION, end, ("principal_enrolled", {**said, "keys_ended": ended}))
        return Principal(name=name, roles=roles)

    async def disable(self, name: PrincipalName, by: Principal, *, reason: str = "") -> Principal:
        """Lock a principal out; as the port says."""
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, INSTALLATION)
            # Looked at again behind the lock: of two owners who lock each other out, one is left.
            standing = await connection.fetchrow(query("principal_standing"), by.name)
            if standing is None or Role.OWNER not in by.roles.intersection(standing["roles"]):
                raise NotAuthorised(f"{by.name} may not change principals", hint="an owner may: --as NAME")
            if name == by.name:
                raise NotAuthorised("nobody locks themselves out", hint="another owner may")
            row = await connection.fetchrow(query("disable_principal"), clean(name))
            if row is None:
                raise UnknownName(f"there is no principal {name}", hint="or it is disabled already")
            said = {"principal": row["name"], "roles": row["roles"], "reason": summarize(clean(reason)), "by": by.name}
            await append(connection, INSTALLATION, end, ("principal_disabled", said))
        return Principal(name=row["name"], roles=frozenset(Role(role) for role in row["roles"]))

    async def pending(self, run_id: RunId | None = None) -> list[HumanRequest]:
        """List open requests, oldest first."""
        return [to_request(row) for row in await self._database.rows("pending_requests", run_id)]

    async def request(self, request_id: RequestId) -> HumanRequest:
        """Find a request by its id or a unique prefix of at least 6 characters. Raises `UnknownName`."""
        rows = await self._database.rows("requests_by_prefix", clean(request_id), SHORTEST_PREFIX)
        exact = [row for row in rows if row["id"] == request_id]
        if len(exact or rows) != 1:
            problem = f"{len(rows)} requests begin with" if rows else "there is no request"
            raise UnknownName(f"{problem} {request_id}", hint="`proctor approvals` lists the open ones")
        return to_request((exact or rows)[0])

    async def decide(self, decision: HumanDecision, by: Principal) -> DecisionReceipt:
        """Record a decision and, if it is in time and allowed, apply it; as the port says."""
        request = await self.request(decision.request_id)
        decision = storable(decision)
        check_word(request, decision)
        async with self._database.transaction() as connection:
            deciding = await Deciding.begin(connection, request, decision, by)
            if decision.arguments is not None:
                await check_fits(connection, deciding.locked, decision.arguments, self._bundles)
            receipt = await deciding.carry_out(self._bundles)
        if deciding.objection is not None:
            # Raised after the commit: that somebody tried stays on record.
            raise NotAuthorised(deciding.objection, hint=hint_for(deciding.objection))
        return receipt


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
