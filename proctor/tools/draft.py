"""`python -m proctor.tools.draft MODULE:FUNCTION`: print the contract of a Python function as a document."""

import argparse
import importlib
import sys
from typing import Any, TextIO

from ruamel.yaml import YAML

from proctor.contracts.errors import InvalidInput
from proctor.contracts.tool import Effect, Idempotency, Risk
from proctor.tools.signature import load_signature, python_contract


def draft(reference: str, effect: Effect, idempotency: Idempotency, risk: Risk, owner: str) -> dict[str, Any]:
    """Derive the document of a contract, both schemas included. Raises `InvalidInput`."""
    function = load_signature(reference, is_read=effect is Effect.READ).function
    contract = python_contract(function, effect=effect, idempotency=idempotency, risk=risk, owner=owner)
    body = contract.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    schemas = {"input": body.pop("input_schema"), "output": body.pop("output_schema")}
    return {"tool": {**body, "implementation": {"kind": "python", "function": reference}, **schemas}}


def main(arguments: list[str], out: TextIO) -> int:
    """Print the document; give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m proctor.tools.draft", description=__doc__)
    parser.add_argument("function", metavar="MODULE:FUNCTION")
    parser.add_argument("--effect", choices=list(Effect), type=Effect, default=Effect.IRREVERSIBLE)
    parser.add_argument("--idempotency", choices=list(Idempotency), type=Idempotency, default=Idempotency.NONE)
    parser.add_argument("--risk", choices=list(Risk), type=Risk, default=Risk.HIGH)
    parser.add_argument("--owner", default="")
    chosen = parser.parse_args(arguments)
    # The folder that the command runs in is where a newcomer's module lies.
    sys.path.insert(0, "")
    importlib.invalidate_caches()
    try:
        document = draft(chosen.function, chosen.effect, chosen.idempotency, chosen.risk, chosen.owner)
    except InvalidInput as error:
        sys.stderr.write(error.diagnostics() + "\n")
        return error.exit_code
    writer = YAML()
    writer.default_flow_style = None
    writer.width = 110
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.dump(document, out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout))
