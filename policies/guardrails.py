"""Guardrails that a manifest can name.

`json_schema_validator` is always on, named or not: it is the rule `arguments-schema` of every policy. The other two
are pure functions that activities call: `injection_filter` counts telltale phrases for the audit and stops nothing,
and `pii_scrubber` cleans the short summaries that leave the store.
"""

from typing import Final

GUARDRAILS: Final = ("injection_filter", "json_schema_validator", "pii_scrubber")
