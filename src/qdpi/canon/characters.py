"""The sixteen characters by every name that the data of a book uses for them."""

from __future__ import annotations

import re
from typing import Final

from qdpi.symbols import CHARACTER_MAP, CHARACTER_NAMES, character_slug

# The specification says old-natalie-weissman and new-natalie-weissman; the canon's own data drops the surname.
_ALIASES: Final = {"old-natalie": 6, "new-natalie": 9}
_NUMBER: Final = re.compile(r"[0-9]{1,3}", re.ASCII)
_BY_SLUG: Final[dict[str, int]] = (
    _ALIASES
    | {character_slug(name): character for character, name in CHARACTER_NAMES.items()}
    | {slug: character for character, slug in CHARACTER_MAP.items()}
)


def character_named(value: object) -> int | None:
    """Return the character 0..15 that a slug, a display name or a number names; None for any other value.

    Names ignore case; a number may be written as text, as frontmatter does.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value in CHARACTER_MAP else None
    if not isinstance(value, str):
        return None
    if _NUMBER.fullmatch(value.strip()):
        return character_named(int(value))
    return _BY_SLUG.get(character_slug(value))


def slugs_of(character: int) -> tuple[str, ...]:
    """Return the slugs that a character's folder may have, the specification's own first."""
    aliases = tuple(slug for slug, aliased in _ALIASES.items() if aliased == character)
    return (CHARACTER_MAP[character], *aliases)
