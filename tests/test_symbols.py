import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdpi.errors import InvalidSymbol
from qdpi.symbols import (
    BEHAVIOR_MAP,
    CHARACTER_MAP,
    CHARACTER_NAMES,
    PROFILES,
    Trajectory,
    character_slug,
    decode_symbol,
    encode_symbol,
    parse_symbol,
    symbol_name,
)

CODES = ["XC", "XP", "XU", "XS", "YC", "YP", "YU", "YS", "AC", "AP", "AU", "AS", "ZC", "ZP", "ZU", "ZS"]


def test_symbol_roundtrip():
    """A symbol code is unchanged after decoding and encoding."""
    for code in range(256):
        ch, b = decode_symbol(code)
        assert encode_symbol(ch, b) == code


def test_behaviour_table_equals_the_plans_appendix_a():
    """The behaviour table is the specification's Appendix A."""
    assert [p.code for p in PROFILES] == CODES
    assert [BEHAVIOR_MAP[b]["orientation"] + BEHAVIOR_MAP[b]["provenance"] for b in range(16)] == CODES


def test_characters_have_slugs_and_names():
    """Sixteen characters have a slug and a name each."""
    assert sorted(CHARACTER_MAP) == sorted(CHARACTER_NAMES) == list(range(16))
    assert len(set(CHARACTER_MAP.values())) == 16
    for character, name in CHARACTER_NAMES.items():
        assert character_slug(name) == CHARACTER_MAP[character]


@given(code=st.integers(0, 255), upper=st.booleans())
def test_symbol_is_parsed_from_decimal_hex_and_name(code: int, upper: bool):
    """A symbol is read in decimal, in hex and by name in any case."""
    for text in (str(code), f"0x{code:02x}", f"0X{code:02X}", symbol_name(code)):
        assert parse_symbol(text.upper() if upper else text) == code
    character, behavior = decode_symbol(code)
    assert parse_symbol(f"{CHARACTER_NAMES[character]}:{PROFILES[behavior].code}") == code


@pytest.mark.parametrize(
    "text",
    ["", "256", "-1", "0x100", "0x", "1e2", "an-author", "an-author:", ":XC", "an-author:XQ", "nobody:XC",
     "٣", "0b1", "999", "an-author:XC:XC"],
)  # fmt: skip
def test_invalid_symbol_is_refused_with_next_step(text: str):
    """An invalid symbol is refused with its value and a next step."""
    with pytest.raises(InvalidSymbol, match="0x00"):
        parse_symbol(text)


@pytest.mark.parametrize(("character", "behavior"), [(-1, 0), (16, 0), (0, -1), (0, 16)])
def test_nibble_out_of_range_is_refused(character: int, behavior: int):
    """A nibble out of range is refused."""
    with pytest.raises(InvalidSymbol, match=r"0\.\.15"):
        encode_symbol(character, behavior)


@pytest.mark.parametrize("code", [-1, 256])
def test_code_out_of_range_is_refused(code: int):
    """A code out of range is refused."""
    with pytest.raises(InvalidSymbol):
        decode_symbol(code)


def test_licence_of_each_provenance():
    """The licence of each provenance is that of the design."""
    widest = {p.code: max(p.open) for p in PROFILES}
    for code, trajectory in widest.items():
        expected = {"C": Trajectory.LOOP, "P": Trajectory.FORK, "U": Trajectory.FORK, "S": Trajectory.FORK}
        assert trajectory == (Trajectory.DRIFT if code == "ZS" else expected[code[1]])
    assert all({Trajectory.CONTINUE, Trajectory.LOOP} <= set(p.open) for p in PROFILES)


def test_profiles_are_distinct():
    """No two profiles read the same sources with the same lead."""
    assert len({(p.orientation, p.sources, p.open) for p in PROFILES}) == 16
