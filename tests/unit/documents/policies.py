"""A policy of the small agent in `agents.py`, whose tool says more than there."""

from tests.unit.documents import agents

TOOLS = agents.TOOLS.replace(
    """      properties:
        order:
          type: object
""",
    """      required: [order]
      properties:
        order:
          type: object
          required: [id, amount]
""",
).replace("amount: {type: number}", "amount: {type: number, minimum: 0}")

POLICY = """\
version: 1
description: Small refunds go through.
windows:
  - id: refunds_today
    measure: sum
    tool: Refund
    argument: order.amount
    within: 24h
    per: agent
rules:
  - id: refund-small
    effect: permit
    tool: Refund
    when: {fact: arguments.order.amount, at_most: 50}
    reason: Small refunds are carried out and looked at afterwards.
    obligations: [review_after]
  - id: refund-rest
    effect: require_approval
    tool: Refund
    when:
      any:
        - {fact: arguments.order.amount, greater_than: 50}
        - {fact: windows.refunds_today, greater_than: 500}
    reason: A person looks at large refunds.
    advice: Propose a smaller amount.
"""
TESTS = """\
cases:
  - case: a refund of 40 is carried out
    tool: Refund
    arguments: {order: {id: o1, amount: 40}}
    expect: allow
    rule: refund-small
    obligations: [review_after]
  - case: a refund of 60 waits for a person
    tool: Refund
    arguments: {order: {id: o1, amount: 60}}
    expect: require_approval
    rule: refund-rest
"""
