"""Versions of each agent's policy, in Postgres: nothing is ever changed, and what is active follows from the rows."""

from collections.abc import Sequence
from typing import Any, Literal

from proctor.contracts.canonical import digest_json, summarize
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, UnknownName
from proctor.contracts.governing import ChangeKind, PolicyVersion
from proctor.contracts.human import Principal, Role
from proctor.contracts.ids import AgentName, Digest, PrincipalName
from proctor.contracts.manifest import AgentBundle
from proctor.store.bundles import encode_bundle
from proctor.store.chains import append, lock_agent
from proctor.store.database import Connection, Database
from proctor.store.queries import query
from proctor.store.rows import Row
from proctor.store.storable import clean

_MAY_DECIDE = frozenset({Role.APPROVER, Role.OWNER})
_VERSION = ("id", "agent", "bundle_digest", "policy_digest", "owner", "change", "summary", "proposed_by", "at")


class PostgresPolicyRegister:
    """Implements `PolicyRegister`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def active(self, agent: AgentName) -> PolicyVersion | None:
        """Give the version in force; None before the first run of the agent."""
        async with self._database.connection() as connection:
            row = await _active(connection, agent)
        return None if row is None else _version(row)

    async def versions(self, agent: AgentName) -> list[PolicyVersion]:
        """List all versions, newest first."""
        return [_version(row) for row in await self._database.rows("policy_versions", agent, None)]

    async def propose(
        self,
        bundle: AgentBundle,
        policy_digest: Digest,
        change: ChangeKind,
        summary: Sequence[str],
        by: PrincipalName,
        *,
        against: Digest | None,
    ) -> PolicyVersion:
        """Record a version; as the port says."""
        agent = bundle.manifest.name
        digest, body = encode_bundle(bundle)
        async with self._database.transaction() as connection:
            end = await lock_agent(connection, agent)
            active = await _active(connection, agent)
            if active is not None and active["bundle_digest"] == digest:
                return _version(active)
            if against != (None if active is None else active["bundle_digest"]):
                raise Refused(f"another policy of {agent} became active in between", hint="diff against it again")
            version_id = f"pol-{digest_json([agent, digest, None if active is None else active['id']])[:12]}"
            found = await connection.fetchrow(query("policy_versions"), agent, version_id)
            if found is not None:
                return _version(found)
            if active is not None and active["owner"] != bundle.manifest.owner:
                # Otherwise whoever writes the manifest could make himself the one who must be asked.
                change = ChangeKind.LOOSENS
                summary = [*summary, f"the owner is {bundle.manifest.owner}, and was {active['owner']}"]
            await connection.execute(query("insert_content"), digest, body)
            lines = [clean(line) for line in summary]
            fields = (version_id, agent, digest, policy_digest, bundle.manifest.owner, change, lines)
            base = None if active is None else active["id"]
            await connection.execute(query("insert_policy_version"), *fields, base, by)
            proposed = {"version": version_id, "bundle": digest, "policy": policy_digest, "change": change, "by": by}
            events = [("policy_proposed", {**proposed, "against": base, "summary": digest_json(lines)})]
            if active is None or change is not ChangeKind.LOOSENS:
                events.append(await _activate(connection, version_id, digest))
            await append(connection, agent, end, *events)
            return await _read(connection, version_id)

    async def decide(self, version_id: str, word: str, by: Principal, reason: str) -> PolicyVersion:
        """Record `approve` or `reject` on a proposed loosening; as the port says."""
        if word not in {"approve", "reject"}:
            raise InvalidInput(f"{word} does not decide a policy", hint="say approve or reject")
        async with self._database.transaction() as connection:
            agent = (await _read(connection, version_id)).agent
            end = await lock_agent(connection, agent)
            row = await connection.fetchrow(query("policy_versions"), agent, version_id)
            if _state(row) != "proposed":
                raise Refused(f"policy {version_id} is {_state(row)} already", hint="propose against the active one")
            objection = _objection(row, word, by)
            said = {"version": version_id, "word": word, "by": by.name, "reason": summarize(reason)}
            if objection is None:
                await _decide(connection, row, end, said, clean(reason))
            else:
                await append(connection, agent, end, ("policy_decision_refused", {**said, "note": objection}))
            decided = await _read(connection, version_id)
        if objection is not None:
            # Raised after the commit: that somebody tried stays on record.
            raise NotAuthorised(objection, hint="the agent's owner and a second person decide, who did not propose it")
        return decided


async def _decide(connection: Connection, row: Row, end: Row, said: dict[str, Any], reason: str) -> None:
    word, by = said["word"], said["by"]
    if any(one["by"] == by for one in row["words"] or ()):
        return
    await connection.execute(query("insert_policy_approval"), row["id"], word, by, reason)
    event = "policy_approved" if word == "approve" else "policy_rejected"
    events = [(event, {**said, "bundle": row["bundle_digest"]})]
    approved = {*(one["by"] for one in row["words"] or ()), by}
    if word == "approve" and row["owner_before"] in approved and len(approved) > 1:
        events.append(await _activate(connection, row["id"], row["bundle_digest"]))
    await append(connection, AgentName(row["agent"]), end, *events)


def _objection(row: Row, word: str, by: Principal) -> str | None:
    """Say why a person may not decide. The owner is that of the policy in force, not of the one that is proposed."""
    if by.name == row["owner_before"]:
        return None
    if by.name == row["proposed_by"] and word == "approve":
        return f"{by.name} proposed it, and only an owner's own word counts"
    return None if _MAY_DECIDE & by.roles else f"{by.name} is neither an approver nor an owner"


async def _activate(connection: Connection, version_id: str, digest: Digest) -> tuple[str, dict[str, Any]]:
    await connection.execute(query("activate_policy"), version_id)
    return "policy_activated", {"version": version_id, "bundle": digest}


async def _active(connection: Connection, agent: AgentName) -> Row | None:
    version_id = await connection.fetchval(query("active_policy"), agent)
    return None if version_id is None else await connection.fetchrow(query("policy_versions"), agent, version_id)


async def _read(connection: Connection, version_id: str) -> PolicyVersion:
    row = await connection.fetchrow(query("policy_versions"), None, clean(version_id))
    if row is None:
        raise UnknownName(f"there is no policy version {version_id}", hint="`proctor policy versions` lists them")
    return _version(row)


def _version(row: Row) -> PolicyVersion:
    words = row["words"] or []
    return PolicyVersion.model_validate(
        {
            **{name: row[name] for name in _VERSION},
            "state": _state(row),
            "approved_by": tuple(one["by"] for one in words if one["word"] == "approve"),
            "reason": words[-1]["reason"] if words else "",
        }
    )


def _state(row: Row) -> Literal["proposed", "active", "retired", "rejected"]:
    """Tell where a version stands. One that was found against a policy which is active no longer is overtaken."""
    if row["is_active"]:
        return "active"
    if any(one["word"] == "reject" for one in row["words"] or ()):
        return "rejected"
    return "retired" if row["was_active"] or not row["is_current"] else "proposed"
