"""Gets the text of a document: from a file, or over HTTP as a person asked for it."""

import re
from pathlib import Path
from typing import Final

import httpx

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.tools.openapi.document import MAX_BYTES, Document, read_document

TIMEOUT_S: Final = 60.0
MAX_REDIRECTS: Final = 5


async def fetch_document(source: str, root: Path) -> tuple[Document, str]:
    """Give the document at a file (relative ones are meant from `root`) or URL, and the URL it came from, if any.

    Raises:
        InvalidInput: there is no such file, or it cannot be read as OpenAPI.
        Unavailable: the URL does not answer with a document.

    """
    if source.startswith(("http://", "https://")):
        _refuse_password(source)
        content, url = await _get(source)
        return read_document(content, source), url
    path = root / source
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidInput(f"{source} has more than {MAX_BYTES // 2**20} MiB")
        return read_document(path.read_bytes(), source), ""
    except OSError as error:
        raise InvalidInput(f"cannot read {source}: {error.strerror}", hint="give a file or an http(s) URL") from error


def _refuse_password(url: str) -> None:
    """Refuse what would be written into the catalog, for all who read it, and told in errors."""
    authority = re.split(r"[/?#\\]", url.partition("//")[2], maxsplit=1)[0]
    if "@" in authority:
        hint = "fetch it with that, and give the file"
        raise InvalidInput("the address of the document holds a user or a password", hint=hint)


async def _get(url: str) -> tuple[bytes, str]:
    received = bytearray()
    try:
        async with (
            httpx.AsyncClient(
                trust_env=False, follow_redirects=True, max_redirects=MAX_REDIRECTS, timeout=TIMEOUT_S
            ) as client,
            client.stream("GET", url) as response,
        ):
            response.raise_for_status()
            async for chunk in response.aiter_bytes():
                received += chunk
                if len(received) > MAX_BYTES:
                    raise InvalidInput(f"{url} has more than {MAX_BYTES // 2**20} MiB")
            return bytes(received), str(response.url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(f"cannot get {url}: {summarize(str(error) or type(error).__name__)}") from error
