"""Where runs begin, in Postgres."""

from datetime import datetime

import asyncpg

from proctor.contracts.canonical import canonical_json, digest_bytes, digest_json
from proctor.contracts.errors import Fenced, IdempotencyConflict, InvalidInput, OversizeInput, Refused
from proctor.contracts.ids import IDEMPOTENCY_KEY, Digest, RunId, run_id_for
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.run import MAX_INPUT_BYTES, RunRecord, TaskRequest
from proctor.store.bundles import encode_bundle
from proctor.store.changes import Changes
from proctor.store.database import Connection, Database
from proctor.store.queries import query
from proctor.store.rows import Row, to_fence, to_run
from proctor.store.storable import clean


class PostgresAdmissions:
    """Implements `Admissions`."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def admit(self, request: TaskRequest, bundle: AgentBundle) -> tuple[RunRecord, bool]:
        """Write the accepted run with its bundle pinned; True when it is new. As the port says."""
        _check(request, bundle)
        try:
            return await self._admit(request, bundle)
        except asyncpg.UniqueViolationError:
            # The same key was admitted between our look and our insert: now it is there to be found.
            return await self._admit(request, bundle)

    async def unstarted(self, older_than_s: float) -> list[RunId]:
        """List accepted runs whose workflow has not opened them."""
        return [RunId(row["run_id"]) for row in await self._database.rows("unstarted_runs", older_than_s)]

    async def _admit(self, request: TaskRequest, bundle: AgentBundle) -> tuple[RunRecord, bool]:
        run_id = run_id_for(request.tenant, request.idempotency_key)
        request_digest = _digest_of(request)
        async with self._database.transaction() as connection:
            await connection.execute(query("lock_fences_shared"))
            found = await connection.fetchrow(
                query("admission"), request.tenant, request.idempotency_key, request.agent, run_id
            )
            assert found is not None
            if found["run"] is not None:
                return _same(found["run"], request_digest), False
            if found["fence"] is not None:
                fence = to_fence(found["fence"])
                raise Fenced(
                    f"{request.agent} is stopped: {fence.actor} raised fence {fence.epoch} ({fence.reason})",
                    hint=f"`proctor release {fence.epoch}` by a second person lifts it",
                )
            return await _insert(connection, request, request_digest, bundle, found["at"]), True


def _check(request: TaskRequest, bundle: AgentBundle) -> None:
    if IDEMPOTENCY_KEY.fullmatch(request.idempotency_key) is None:
        raise InvalidInput(
            f"not an idempotency key: {request.idempotency_key!r}",
            hint="use up to 100 letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
        )
    size = len(canonical_json(request.input))
    if size > MAX_INPUT_BYTES:
        raise OversizeInput(f"the input has {size} bytes", hint=f"the limit is {MAX_INPUT_BYTES}")
    if not bundle.manifest.owner:
        raise Refused(f"agent {bundle.manifest.name} has no owner", hint="name one person as `owner` in its manifest")


def _digest_of(request: TaskRequest) -> Digest:
    """Tell requests apart; the source counts where there is one, as requests of earlier versions name none."""
    return digest_json(request.model_dump(mode="json", exclude=None if request.source else {"source"}))


def _same(row: Row, request_digest: str) -> RunRecord:
    if row["request_digest"] != request_digest:
        raise IdempotencyConflict(
            f"the key {row['idempotency_key']} belongs to another request", hint="use a new key, or the same request"
        )
    return to_run(row)


async def _insert(
    connection: Connection, request: TaskRequest, request_digest: Digest, bundle: AgentBundle, at: datetime
) -> RunRecord:
    manifest, run_id = bundle.manifest, run_id_for(request.tenant, request.idempotency_key)
    bundle_digest, bundle_body = encode_bundle(bundle)
    input_body = canonical_json(request.input)
    input_digest = digest_bytes(input_body)
    row = await connection.fetchrow(
        query("insert_run"),
        run_id,
        request.tenant,
        request.idempotency_key,
        request_digest,
        request.agent,
        manifest.version,
        manifest.owner,
        manifest.autonomy,
        request.requester,
        clean(request.goal),
        input_digest,
        bundle_digest,
        at,
        clean(request.source),
    )
    changes = Changes(run_id, at)
    changes.content_text(bundle_body)
    changes.content_text(input_body.decode())
    changes.audit(
        "run_accepted",
        agent=request.agent,
        agent_version=manifest.version,
        owner=manifest.owner,
        requester=request.requester,
        tenant=request.tenant,
        request=request_digest,
        input=input_digest,
        bundle=bundle_digest,
        **({"input_source": request.source} if request.source else {}),
    )
    await changes.write(connection)
    return to_run(row)
