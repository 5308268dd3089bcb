"""The four document forms, with contents of our own."""

AGENT = """\
agent:
  name: ledger-clerk
  autonomy: approval_required
  allowed_tools:
    - FindPosting
    - FileCorrection
  blocked_domains:
    - "*"  # default deny
  allow_domains:
    - "postings.example.org"
  max_iterations: 8
  max_cost_usd: 0.50
  guardrails:
    - injection_filter
    - pii_scrubber
    - json_schema_validator
"""

TOOL = """\
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "FileCorrection",
  "type": "object",
  "required": ["title", "severity"],
  "properties": {
    "title": {"type": "string", "maxLength": 120},
    "description": {"type": "string", "maxLength": 2000},
    "severity": {"type": "string", "enum": ["low", "medium", "high"]}
  }
}
"""

SLO = """\
slos:
  - name: corrections-filed
    objective: ">= 99.0% over 30 days"
    sli:
      numerator: tool_calls{tool="FileCorrection",status="ok"}
      denominator: tool_calls{tool="FileCorrection"}
    alerts:
      - burn_rate_window: 2h
        threshold: 14x
"""

EVALUATION = """\
tests:
  - name: large_difference
    inputs:
      user_text: "The totals of March differ by a large sum"
    expected:
      severity: high
    metrics:
      - type: json_path
        path: $.severity
        equals: "high"
      - type: tool_success
        tool: FileCorrection
"""
