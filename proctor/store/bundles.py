"""Pinned bundles, kept in the process: they never change."""

from collections import OrderedDict

from pydantic import ValidationError

from proctor.contracts.canonical import canonical_json, digest_bytes, summarize
from proctor.contracts.errors import Corrupted, UnknownName
from proctor.contracts.ids import Digest
from proctor.contracts.manifest import AgentBundle
from proctor.store.database import Connection, Database
from proctor.store.queries import query
from proctor.store.rows import verified

BUNDLES_KEPT = 128


class BundleShelf:
    """Reads bundles by digest, each once; keeps the last 128."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._kept: OrderedDict[Digest, AgentBundle] = OrderedDict()

    async def load(self, digest: Digest, connection: Connection | None = None) -> AgentBundle:
        """Give a bundle, read on `connection` where the caller holds one. Raises `UnknownName` or `Corrupted`."""
        if digest not in self._kept:
            if connection is None:
                body = await self._database.value("content", digest)
            else:
                body = await connection.fetchval(query("content"), digest)
            if body is None:
                raise UnknownName(f"there is no stored bundle {digest[:16]}…")
            self._keep(digest, _decoded(digest, verified(digest, body)))
        self._kept.move_to_end(digest)
        return self._kept[digest]

    def _keep(self, digest: Digest, bundle: AgentBundle) -> None:
        self._kept[digest] = bundle
        if len(self._kept) > BUNDLES_KEPT:
            self._kept.popitem(last=False)


def _decoded(digest: Digest, body: str) -> AgentBundle:
    try:
        return AgentBundle.model_validate_json(body)
    except ValidationError as error:
        found = summarize(str(error.errors(include_url=False)[0]["msg"]), 80)
        message = f"the stored bundle {digest[:16]}… cannot be read: {error.error_count()} mistakes, the first: {found}"
        raise Corrupted(message, hint="it was written by another version of Proctor: go on with that one") from error


def encode_bundle(bundle: AgentBundle) -> tuple[Digest, str]:
    """Give a bundle's digest and the canonical JSON that it is the digest of."""
    body = canonical_json(bundle.model_dump(mode="json"))
    return digest_bytes(body), body.decode()
