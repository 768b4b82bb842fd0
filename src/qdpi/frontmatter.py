"""YAML frontmatter: the values between two lines of `---` at the beginning of a file, and the body after them. Pure.

Values are plain data, as in JSON. The output is the same on every platform, takes a millisecond a page, and any
YAML parser reads the same values from it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_MATTER: Final = re.compile(r"---[ \t]*\n(.*?)(?:^)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_PLAIN: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9_.'’,() -]*[A-Za-z0-9_.'’)])?")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Words that YAML 1.1 does not read as text."""
_UNPRINTABLE: Final = re.compile(
    "[\x7f-\xa0\xad\u2000-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff]"
)


def split(content: str) -> tuple[str, str] | None:
    """Return a file's frontmatter and its body, both unchanged; None for a file without frontmatter."""
    found = _MATTER.match(content)
    return (found[1], content[found.end() :]) if found else None


def write(values: Mapping[str, Any], body: str) -> str:
    """Return a file with these values, in their order, and this body. Raises `TypeError` for other than plain data."""
    return "---\n" + "".join(f"{line}\n" for line in _mapping(values)) + "---\n" + body


def _mapping(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        yield from _entry(f"{_scalar(key)}:", value)


def _entry(head: str, value: Any) -> Iterator[str]:
    """Yield the lines of a value after a key or a dash."""
    if isinstance(value, Mapping) and value:
        yield head
        yield from (f"  {line}" for line in _mapping(value))
    elif isinstance(value, Sequence) and not isinstance(value, str) and any(map(_is_nested, value)):
        yield head
        yield from (f"  {line}" for item in value for line in _entry("-", item))
    else:
        yield f"{head} {_flow(value)}"


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and bool(value)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_flow_text(item) if isinstance(item, str) else _flow(item) for item in value)}]"
    return _scalar(value)


def _flow_text(text: str) -> str:
    # Inside brackets a comma would end a plain text.
    return _quoted(text) if "," in text else _scalar(text)


def _scalar(value: Any) -> str:
    if isinstance(value, Hexadecimal):
        return f"0x{value:02X}"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else _quoted(value)
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    raise TypeError(f"{value!r:.80} is not plain data: give text, numbers, lists and mappings.")


def _float(value: float) -> str:
    """Return a float as YAML 1.1 reads it: with a decimal point even before an exponent."""
    if math.isfinite(value):
        digits = repr(value)
        return digits if "." in digits else digits.replace("e", ".0e")
    return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


class Hexadecimal(int):
    """A number that is written as `0x1F`."""
