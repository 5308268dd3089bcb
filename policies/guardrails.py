"""Guardrails that a manifest can name.

`json_schema_validator` is always on, named or not: it is the rule `arguments-schema` of every policy. The other two
are pure functions that activities call: `injection_filter` marks telltale phrases for the audit and stops nothing,
because pattern filters catch 0 to 4 % of realistic indirect injections; `pii_scrubber` cleans the short summaries that
leave the store. Both take time linear in the text.
"""

import re
from typing import Final

GUARDRAILS: Final = ("injection_filter", "json_schema_validator", "pii_scrubber")

_FLAGS = re.IGNORECASE
_GAP = r"[\s,]{1,10}"
_INJECTIONS: Final = {
    "override": re.compile(
        rf"\b(?:ignore|disregard|forget|override){_GAP}(?:all{_GAP}|any{_GAP}|the{_GAP}|your{_GAP}|my{_GAP}){{0,3}}"
        rf"(?:previous|prior|above|earlier|preceding|system){_GAP}(?:instructions?|prompts?|messages?|rules?)",
        _FLAGS,
    ),
    "new-role": re.compile(rf"\byou{_GAP}(?:are{_GAP}now|must{_GAP}now|will{_GAP}now){_GAP}\w", _FLAGS),
    "fake-turn": re.compile(r"<\|?(?:im_start|system|assistant|/?instructions?)\b|\[/?INST\]", _FLAGS),
    "important-message": re.compile(
        rf"\bimportant{_GAP}(?:message|instructions?){_GAP}(?:from|for|to){_GAP}(?:me|you|the)\b", _FLAGS
    ),
    "secrecy": re.compile(
        rf"\b(?:do{_GAP}not|don't|never){_GAP}(?:tell|inform|mention){_GAP}(?:this{_GAP}to{_GAP})?(?:the{_GAP})?user\b",
        _FLAGS,
    ),
    "prompt-leak": re.compile(
        rf"\b(?:reveal|print|repeat|show){_GAP}(?:me{_GAP})?(?:your|the){_GAP}(?:system{_GAP})?prompt\b", _FLAGS
    ),
}

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_CARD = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9]){12,18}(?![0-9])", re.ASCII)
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?=[ ]?[A-Za-z0-9])", re.ASCII)
_PHONE = re.compile(
    r"(?<![\w+])(?<![0-9] )(?:"
    r"(?:\+|00)[1-9](?:[ ()/.-]{0,2}[0-9]){6,13}"  # international
    r"|\([0-9]{3}\) ?[0-9]{3}-[0-9]{4}|[0-9]{3}-[0-9]{3}-[0-9]{4}"  # North America
    r"|0[1-9][0-9]{1,4}[ /-][0-9]{5,9}"  # national with area code
    r")(?![\w-])",
    re.ASCII,
)
_IBAN_LENGTHS: Final = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "NL"), 18),
    **dict.fromkeys(("SI", "MK"), 19),
    **dict.fromkeys(("AT", "EE", "LT", "LU", "KZ", "BA"), 20),
    **dict.fromkeys(("CH", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "DE", "GB", "IE", "GE", "ME", "RS", "BH"), 22),
    **dict.fromkeys(("GI", "AE", "IL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN"), 24),
    **dict.fromkeys(("PT",), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("FR", "GR", "IT", "MC", "SM"), 27),
    **dict.fromkeys(("AL", "AZ", "CY", "DO", "HU", "PL"), 28),
    **dict.fromkeys(("BR", "QA", "UA"), 29),
    **dict.fromkeys(("MT",), 31),
}
"""Total length by country, from the SWIFT IBAN registry; other countries are not looked for."""


def injection_hits(text: str) -> tuple[str, ...]:
    """Name the kinds of telltale phrases in a text, sorted. Telemetry: no hit means nothing, and nothing is blocked."""
    return tuple(sorted(name for name, pattern in _INJECTIONS.items() if pattern.search(text)))


def scrub_pii(text: str) -> str:
    """Replace e-mail addresses, IBANs, card and phone numbers by `[email]`, `[iban]`, `[card]` and `[phone]`.

    IBANs and cards only with a right checksum; phone numbers only in forms that dates and ids do not have.
    """
    text = _scrub_ibans(text)
    text = _CARD.sub(lambda found: "[card]" if _is_card(found[0]) else found[0], text)
    return _PHONE.sub("[phone]", _EMAIL.sub("[email]", text))


def _is_card(text: str) -> bool:
    """Check by Luhn (ISO/IEC 7812-1)."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]  # noqa: PLR2004 - two digits begin at 2 * 5
    return any(digits) and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _scrub_ibans(text: str) -> str:
    pieces, at = [], 0
    for start in _IBAN_START.finditer(text):
        end = _iban_end(text, start.start())
        if start.start() >= at and end is not None:
            pieces += [text[at : start.start()], "[iban]"]
            at = end
    return "".join([*pieces, text[at:]])


def _iban_end(text: str, start: int) -> int | None:
    """Give the end of an IBAN that begins at `start`; single spaces may stand inside."""
    wanted = _IBAN_LENGTHS.get(text[start : start + 2].upper(), 0)
    compact, at = "", start
    while len(compact) < wanted and at < len(text):
        char = text[at]
        if char.isascii() and char.isalnum():
            compact += char
        elif char != " " or text[at - 1] == " ":
            return None
        at += 1
    is_whole = bool(wanted) and len(compact) == wanted and not text[at : at + 1].isalnum()
    return at if is_whole and _is_iban(compact.upper()) else None


def _is_iban(compact: str) -> bool:
    """Check by ISO 7064 mod 97-10 (ISO 13616)."""
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1
