"""Globs of the rule language: `*` stands for any text, none too, `?` for one character, all else for itself."""


def glob_matches(pattern: str, text: str) -> bool:
    """Whether `pattern` covers the whole text, letter for letter; takes at most `len(pattern) * len(text)` steps."""
    at = wanted = 0
    star, resumed = -1, 0
    while at < len(text):
        if wanted < len(pattern) and pattern[wanted] == "*":
            star, resumed = wanted, at
            wanted += 1
        elif wanted < len(pattern) and pattern[wanted] in {"?", text[at]}:
            wanted, at = wanted + 1, at + 1
        elif star >= 0:
            resumed += 1
            wanted, at = star + 1, resumed
        else:
            return False
    return all(char == "*" for char in pattern[wanted:])


def is_plain(pattern: str) -> bool:
    """Whether a pattern stands for itself alone."""
    return "*" not in pattern and "?" not in pattern
