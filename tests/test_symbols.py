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


def test_roundtrip():
    for code in range(256):
        ch, b = decode_symbol(code)
        assert encode_symbol(ch, b) == code


def test_the_behaviour_table_is_the_plans_appendix_a():
    assert [p.code for p in PROFILES] == CODES
    assert [BEHAVIOR_MAP[b]["orientation"] + BEHAVIOR_MAP[b]["provenance"] for b in range(16)] == CODES


def test_sixteen_characters_have_a_slug_and_a_name_each():
    assert sorted(CHARACTER_MAP) == sorted(CHARACTER_NAMES) == list(range(16))
    assert len(set(CHARACTER_MAP.values())) == 16
    for character, name in CHARACTER_NAMES.items():
        assert character_slug(name) == CHARACTER_MAP[character]


@given(code=st.integers(0, 255), upper=st.booleans())
def test_a_symbol_is_read_in_decimal_in_hex_and_by_name_whatever_its_case(code: int, upper: bool):
    for text in (str(code), f"0x{code:02x}", f"0X{code:02X}", symbol_name(code)):
        assert parse_symbol(text.upper() if upper else text) == code
    character, behavior = decode_symbol(code)
    assert parse_symbol(f"{CHARACTER_NAMES[character]}:{PROFILES[behavior].code}") == code


@pytest.mark.parametrize(
    "text",
    ["", "256", "-1", "0x100", "0x", "1e2", "an-author", "an-author:", ":XC", "an-author:XQ", "nobody:XC",
     "٣", "0b1", "999", "an-author:XC:XC"],
)  # fmt: skip
def test_what_is_no_symbol_is_refused_with_the_value_and_a_next_step(text: str):
    with pytest.raises(InvalidSymbol, match="0x00"):
        parse_symbol(text)


@pytest.mark.parametrize(("character", "behavior"), [(-1, 0), (16, 0), (0, -1), (0, 16)])
def test_a_nibble_out_of_range_is_refused(character: int, behavior: int):
    with pytest.raises(InvalidSymbol, match=r"0\.\.15"):
        encode_symbol(character, behavior)


@pytest.mark.parametrize("code", [-1, 256])
def test_a_code_out_of_range_is_refused(code: int):
    with pytest.raises(InvalidSymbol):
        decode_symbol(code)


def test_the_licence_of_each_provenance_is_the_designs():
    widest = {p.code: max(p.open) for p in PROFILES}
    for code, trajectory in widest.items():
        expected = {"C": Trajectory.LOOP, "P": Trajectory.FORK, "U": Trajectory.FORK, "S": Trajectory.FORK}
        assert trajectory == (Trajectory.DRIFT if code == "ZS" else expected[code[1]])
    assert all({Trajectory.CONTINUE, Trajectory.LOOP} <= set(p.open) for p in PROFILES)


def test_no_two_profiles_read_the_same_sources_with_the_same_lead():
    assert len({(p.orientation, p.sources, p.open) for p in PROFILES}) == 16
