"""GET /page, /page/../receipt, /symbols, /canon and /pipeline/stats."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.gateway.test_presses import assert_problem
from tests.support import factories
from tests.support.gateway import gateway_in, put_book

from qdpi.symbols import PROFILES, symbol_name


async def test_canon_page_is_flat_with_edges_and_signals(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        result = (await gateway.client.get("/api/v1/page/S01-P0002")).json()
        assert result["edges"] == {
            "next_within": "S01-P0003", "loop_back_to": None, "forks": [], "mirrors": []
        }  # fmt: skip
        assert {"symbol_code", "char_hex", "behavior", "orientation", "provenance", "section"} <= result.keys()
        assert {"trajectory", "return_to", "text", "signals", "validation", "status", "revision"} <= result.keys()
        assert (result["status"], result["revision"], result["trajectory"]) == ("complete", 1, "T0")
        assert "session_id" not in result


async def test_generated_page_hides_session(tmp_path: Path):
    """A generated page is served without its session id."""
    async with gateway_in(tmp_path) as gateway:
        page = (await gateway.generator.answer("reader", await gateway.press())).page
        assert page is not None
        answer = await gateway.client.get(f"/api/v1/page/{page.page_id}")
        result = answer.json()
        assert result.pop("grown_from") == {
            "canon_revision": 1,
            "current_revision": 1,
            "older": False,
            "anchor": "same",
        }
        assert result == page.public()
        assert "reader" not in answer.text


@pytest.mark.parametrize("path", ["S01-P0099", "nothing", "a%20b", "%2e%2e", "x" * 65, "S01_P0001"])
async def test_unknown_page_is_not_found(tmp_path: Path, path: str):
    async with gateway_in(tmp_path) as gateway:
        assert_problem(await gateway.client.get(f"/api/v1/page/{path}"), 404, "unknown_page")
        assert_problem(await gateway.client.get(f"/api/v1/page/{path}/receipt"), 404, "unknown_page")


async def test_receipt_of_a_generated_page(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        await gateway.generator.answer("reader", await gateway.press())
        outcome = await gateway.generator.answer("reader", await gateway.press())
        assert outcome.page is not None
        result = (await gateway.client.get(f"/api/v1/page/{outcome.page.page_id}/receipt")).json()
        receipt = outcome.receipt.model_dump(mode="json")
        assert {name: result[name] for name in receipt} == receipt
        calls = receipt["calls"]
        assert result["tokens"] == {
            kind: sum(call[f"{kind}_tokens"] for call in calls) for kind in ("prompt", "completion")
        }
        assert result["total_milliseconds"] == pytest.approx(sum(receipt["milliseconds"].values()))
        assert (result["page_id"], result["seq"], result["locus"]) == (outcome.page.page_id, 2, "S01-P0001")
        assert (result["trajectory"], result["status"], result["symbol_code"]) == (
            "T0",
            "complete",
            outcome.page.symbol_code,
        )
        assert result["committed_at"] == outcome.event.model_dump(mode="json")["ts"]


async def test_canon_page_has_no_receipt(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        result = assert_problem(await gateway.client.get("/api/v1/page/S01-P0001/receipt"), 404, "unknown_page")
        assert "no receipt" in result["detail"]


async def test_symbols_have_profiles_and_colours(tmp_path: Path):
    """All 256 symbols are listed with their profiles and colours."""
    async with gateway_in(tmp_path) as gateway:
        result = (await gateway.client.get("/api/v1/symbols")).json()
        assert [each["code"] for each in result] == list(range(256))
        for each in result:
            profile = PROFILES[each["code"] & 15]
            assert each["name"] == symbol_name(each["code"])
            assert each["hex"] == f"0x{each['code']:02X}"
            assert (each["behavior_code"], each["meaning"]) == (profile.code, profile.meaning)
            assert each["open"] == [t.value for t in profile.open]
            assert each["sources"] == [s.value for s in profile.sources]
            assert each["choice"] == profile.choice.value
            assert each["color"] == f"#0000{each['character']:02x}"
        assert (result[0x7D]["slug"], result[0x7D]["display_name"]) == ("princhetta", "Princhetta")


async def test_symbols_and_canon_without_book(tmp_path: Path):
    """Without a book, symbols have no colour, and the canon's problem has the next step."""
    async with gateway_in(tmp_path, book=False) as gateway:
        assert {each["color"] for each in (await gateway.client.get("/api/v1/symbols")).json()} == {None}
        result = assert_problem(await gateway.client.get("/api/v1/canon"), 503, "no_book")
        assert "ingest-canon" in result["next_step"]
        assert_problem(await gateway.client.get("/api/v1/page/S01-P0001"), 404, "unknown_page")


@pytest.mark.parametrize("code", ["0", "0x7D", "princhetta:ZP"])
async def test_glyph_svg_is_inert(tmp_path: Path, code: str):
    """A glyph is an SVG from which nothing can be run."""
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get(f"/api/v1/symbols/{code}/glyph.svg")
        assert answer.headers["content-type"].partition(";")[0] == "image/svg+xml"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert ET.fromstring(answer.text).tag == "{http://www.w3.org/2000/svg}svg"


async def test_glyph_of_an_unknown_symbol_is_refused(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        assert_problem(await gateway.client.get("/api/v1/symbols/256/glyph.svg"), 422, "invalid_symbol")


async def test_canon_has_its_ring_and_sections(tmp_path: Path):
    """The canon is its ring in order and its sections."""
    async with gateway_in(tmp_path) as gateway:
        result = (await gateway.client.get("/api/v1/canon")).json()
        assert (result["title"], result["author"], result["revision"]) == ("A Book", "a test", 1)
        assert len(result["ring"]) == 48
        assert result["ring"][3] == {
            "page_id": "S02-P0004", "section": 2, "page_num": 4, "title": "Page 4"
        }  # fmt: skip
        assert [each["section"] for each in result["sections"]] == list(range(1, 17))
        assert result["sections"][7] == {
            "section": 8,
            "title": None,
            "character": 7,
            "slug": "princhetta",
            "name": "Princhetta",
            "color": "#000007",
            "pages": 3,
            "first_page": "S08-P0022",
        }


async def test_canon_etag_changes_with_the_revision(tmp_path: Path):
    async with gateway_in(tmp_path) as gateway:
        first = await gateway.client.get("/api/v1/canon")
        known = {"if-none-match": first.headers["etag"]}
        unchanged = await gateway.client.get("/api/v1/canon", headers=known)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == first.headers["etag"]
        await put_book(gateway.system, revision=2)
        changed = await gateway.client.get("/api/v1/canon", headers=known)
        assert (changed.status_code, changed.json()["revision"]) == (200, 2)


async def test_section_statistics(tmp_path: Path):
    """A section's statistics are sums over journeys, with its facts."""
    async with gateway_in(tmp_path) as gateway:
        for journey, pages in (("a", 2), ("b", 1)):
            await gateway.system.store.save_snapshot(factories.snapshot(journey, 1, factories.branch(3, pages)))
        result = (await gateway.client.get("/api/v1/pipeline/stats/section/3")).json()
        assert (result["section"], result["slug"], result["pages"]) == (3, "glyph-marrow", 3)
        assert (result["journeys"], result["open_branches"], result["return_debt"]) == (2, 2, 3)
        untouched = (await gateway.client.get("/api/v1/pipeline/stats/section/16")).json()
        assert (untouched["journeys"], untouched["open_branches"], untouched["return_debt"]) == (0, 0, 0)


@pytest.mark.parametrize("section", ["0", "17", "-1", "x", "1.5", "٣", "100000000000000000000"])
async def test_unknown_section_not_found(tmp_path: Path, section: str):
    """A section that the book does not have is not found."""
    async with gateway_in(tmp_path) as gateway:
        answer = await gateway.client.get(f"/api/v1/pipeline/stats/section/{section}")
        assert_problem(answer, 404, "unknown_section")
