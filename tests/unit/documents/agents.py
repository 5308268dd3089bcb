"""Writes a small agent's folder."""

from pathlib import Path

MANIFEST = """\
agent:
  name: clerk
  owner: ana
  autonomy: supervised
  allowed_tools: [Refund, Search]
  allow_domains: [api.example.com]
  thresholds:
    - {tool: Refund, argument: order.amount, max: 100}
  planner: {kind: playbook}
  model_planner: {instructions_file: prompts/system.md}
  output_schema: schemas/report.json
"""
TOOLS = """\
tools:
  - name: Search
    effect: read
    risk: low
    input: {type: object, properties: {query: {type: string}}}
    implementation: {kind: python, function: shop.tools:search}
  - name: Refund
    effect: write
    idempotency: read_back
    probe: FindRefund
    compensation: {tool: Charge, arguments: {id: "${result.id}"}}
    input:
      type: object
      properties:
        order:
          type: object
          properties:
            id: {type: string}
            amount: {type: number}
    output: {type: object, properties: {id: {type: string}}}
    implementation: {kind: http, method: POST, base_url: "https://api.example.com"}
  - name: FindRefund
    effect: read
    input: {type: object, required: [idempotency_key], properties: {idempotency_key: {type: string}}}
    implementation: {kind: python, function: shop.tools:find}
  - name: Charge
    effect: write
    input: {type: object, required: [id], properties: {id: {type: string}}, additionalProperties: false}
    implementation: {kind: python, function: shop.tools:charge}
"""
PLAYBOOK = """\
steps:
  - id: find
    call: Search
    with: {query: refund}
  - finish: {outcome: completed}
"""


def write_agent(root: Path, name: str = "clerk", **files: str) -> Path:
    """Write the folder; `files` replace manifest, tools, playbook, instructions or report."""
    texts = {
        "manifest.yaml": files.get("manifest", MANIFEST),
        "tools/all.yaml": files.get("tools", TOOLS),
        "playbook.yaml": files.get("playbook", PLAYBOOK),
        "prompts/system.md": files.get("instructions", "You refund orders.\n"),
        "schemas/report.json": files.get("report", '{"type": "object"}'),
    }
    for file, text in texts.items():
        path = root / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root / name
