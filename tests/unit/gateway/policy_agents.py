"""The folder of a small agent with a policy and its cases, without code of its own."""

from pathlib import Path

MANIFEST = """\
agent:
  name: refund-clerk
  version: "3"
  owner: maria.ops
  autonomy: supervised
  autonomy_by_risk: {high: approval_required}
  allowed_tools: [FindOrder, RefundOrder, SendMail]
  allow_domains: [shop.example.com]
  planner: {kind: playbook}
"""
TOOLS = """\
tools:
  - name: FindOrder
    effect: read
    risk: low
    idempotency: native
    input:
      type: object
      required: [order]
      additionalProperties: false
      properties:
        order: {type: string, pattern: "^[0-9]{1,12}$"}
    implementation: {kind: http, method: GET, base_url: "https://shop.example.com", path: "/orders/{order}"}
  - name: RefundOrder
    effect: write
    risk: low
    idempotency: native
    argument_roles: {amount: amount, note: content}
    action: refund
    input:
      type: object
      required: [order, amount]
      additionalProperties: false
      properties:
        order: {type: string, pattern: "^[0-9]{1,12}$"}
        amount: {type: number, minimum: 0, maximum: 10000}
        note: {type: string, maxLength: 200}
    implementation: {kind: http, method: POST, base_url: "https://shop.example.com", path: "/refunds"}
  - name: SendMail
    effect: irreversible
    risk: medium
    idempotency: native
    argument_roles: {text: content}
    input:
      type: object
      required: [to, text]
      additionalProperties: false
      properties:
        to: {type: string, maxLength: 200}
        text: {type: string, maxLength: 2000}
    implementation: {kind: http, method: POST, base_url: "https://shop.example.com", path: "/mails"}
"""
POLICY = """\
description: Refunds up to 50 go through; a person looks at the rest.
windows:
  - id: refunded_today
    measure: sum
    tool: RefundOrder
    argument: amount
    within: 24h
rules:
  - id: small-refunds
    effect: permit
    tool: RefundOrder
    reason: Customers get small refunds without waiting.
  - id: large-refunds
    effect: require_approval
    tool: RefundOrder
    when: {fact: arguments.amount, greater_than: 50}
    reason: A person looks at every large refund.
    advice: Refund at most 50, or let a person agree.
  - id: daily-limit
    effect: forbid
    tool: RefundOrder
    when: {fact: windows.refunded_today, greater_than: 1000}
    reason: No more than 1000 leave in a day, whoever agrees.
    advice: Wait until tomorrow.
"""
TESTS = """\
cases:
  - case: a refund of 40 is carried out and looked at afterwards
    tool: RefundOrder
    arguments: {order: "7", amount: 40}
    expect: allow
    rule: small-refunds
    obligations: [review_after]
  - case: a refund of 60 waits for a person
    tool: RefundOrder
    arguments: {order: "7", amount: 60}
    expect: require_approval
    rule: large-refunds
  - case: the day's limit holds
    tool: RefundOrder
    arguments: {order: "7", amount: 10}
    facts: {windows.refunded_today: 1001}
    expect: deny
    rule: daily-limit
"""
PLAYBOOK = "steps:\n  - finish: {outcome: completed}\n"


def write_clerk(agents: Path, **changes: str) -> Path:
    """Write the agent; `changes` replace whole files: manifest, tools, policy, tests."""
    texts = {"manifest": MANIFEST, "tools": TOOLS, "policy": POLICY, "tests": TESTS} | changes
    names = {
        "manifest": "manifest.yaml",
        "tools": "tools/all.yaml",
        "policy": "policy.yaml",
        "tests": "policy.tests.yaml",
    }
    folder = agents / "refund-clerk"
    (folder / "tools").mkdir(parents=True, exist_ok=True)
    (folder / "playbook.yaml").write_text(PLAYBOOK, encoding="utf-8")
    for key, text in texts.items():
        (folder / names[key]).write_text(text, encoding="utf-8")
    return folder
