"""Archives that an import refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.export import forging
from tests.export.journeys import (
    add_outcomes,
    all_of,
    assert_nothing_stored,
    exported,
    imported,
    refusal,
    save,
    two_systems,
    whole_journey,
)
from tests.support.gateway import system_in

from qdpi.export.archive.format import LOG, MANIFEST, OUTCOMES
from qdpi.system import System


@pytest.fixture
async def systems(tmp_path: Path):
    async with two_systems(tmp_path) as both:
        await whole_journey(both[0].store)
        yield both


def swapped(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


CUT = {
    "last line missing": (OUTCOMES, lambda lines: lines[:-1], "ends after line 7; the manifest lists 8 lines"),
    "all lines missing": (OUTCOMES, lambda lines: [], "ends after line 0"),
    "last line cut off": (OUTCOMES, lambda lines: [*lines[:-1], lines[-1][:-9]], "line 8: it is cut off"),
    "last line end missing": (OUTCOMES, lambda lines: [*lines[:-1], lines[-1][:-1]], "line 8: it is cut off"),
    "first line missing": (OUTCOMES, lambda lines: lines[1:], "line 1: it is outcome 2; outcome 1 is expected"),
    "line missing": (OUTCOMES, lambda lines: [*lines[:3], *lines[4:]], "line 4: it is outcome 5; outcome 4 is"),
    "lines swapped": (OUTCOMES, swapped, "line 2: it is outcome 3; outcome 2 is expected"),
    "line repeated": (OUTCOMES, lambda lines: [lines[0], *lines], "line 2: it is outcome 1; outcome 2 is expected"),
    "line repeated at the end": (OUTCOMES, lambda lines: [*lines, lines[0]], "line 9: the manifest lists 8"),
    "letter changed": (
        OUTCOMES,
        lambda lines: [*lines[:4], lines[4].replace(b"went on", b"went in"), *lines[5:]],
        "line 5: it was edited",
    ),
    "line not JSON": (OUTCOMES, lambda lines: [*lines[:4], lines[4][:200] + b"\n"], "line 5: it is not a line of"),
    "line without a value": (OUTCOMES, lambda lines: [b"{}\n", *lines], "line 1: it is not a line of outcomes.jsonl"),
    "outcome invalid": (OUTCOMES, lambda lines: [lines[0][:86] + b"{}}\n"], "line 1: it is not a valid outcome"),
    "line empty": (OUTCOMES, lambda lines: [*lines[:2], b"\n", *lines[2:]], "line 3: it is not a line of"),
    "log: last line missing": (LOG, lambda lines: lines[:-1], "ends after line"),
    "log: lines swapped": (LOG, swapped, "log.jsonl, line"),
    "log: line repeated": (LOG, lambda lines: [lines[0], *lines], "line 2: the event"),
    "log: line missing": (LOG, lambda lines: [*lines[:3], *lines[4:]], "line 4: it was edited, or does"),
    "log: note changed": (
        LOG, lambda lines: [line.replace(b"read again", b"read never") for line in lines], "log.jsonl, line",
    ),
    "log: other values": (LOG, lambda lines: [lines[0].replace(b'"event":', b'"page":')], "line 1: it is not a line"),
}  # fmt: skip


@pytest.mark.parametrize("what", CUT)
async def test_damaged_file_is_refused(systems: tuple[System, System], tmp_path: Path, what: str):
    """A file that was cut or edited is refused, with the line, and nothing is written."""
    here, there = systems
    file, change, why = CUT[what]

    error = await refusal(there, forging.with_lines(await exported(here.store), file, change), tmp_path)

    assert error.detail.startswith(file)
    assert why in error.detail
    assert "Nothing was changed here" in error.next_step
    await assert_nothing_stored(there.store)


def edit(number: int, path: str, value: Any) -> Any:
    """Return an edit of a value, at a path such as `page.text`."""

    def change(values: list[dict[str, Any]]) -> None:
        *way, last = path.split(".")
        at = values[number - 1]
        for step in way:
            at = at[step]
        at[last] = value

    return change


FORGED = {
    "other outcome": (OUTCOMES, edit(2, "event.session_id", "another"), "line 2: it belongs to the journey 'another'"),
    "other request": (OUTCOMES, edit(2, "request.session_id", "another"), "session_id is 'another' in its request"),
    "seq": (OUTCOMES, edit(3, "event.seq", 4), "line 3: it is outcome 4; outcome 3 is expected"),
    "text in one place": (OUTCOMES, edit(1, "page.text", "edited"), "line 1: text is 'And then, for"),
    "other placement": (OUTCOMES, edit(1, "page.placement.anchor", "S02-P0004"), "anchor is 'S01-P0001' in its event"),
    "no placement": (OUTCOMES, edit(1, "page.placement", None), "line 1: it is done but"),
    "no page": (OUTCOMES, edit(1, "page", None), "line 1: it is done but has no page"),
    "receipt of another run": (OUTCOMES, edit(1, "receipt.request_id", "another"), "is 'another' in its receipt"),
    "other receipt id": (OUTCOMES, edit(1, "receipt.receipt_id", "another"), "receipt_id is 'another' in its receipt"),
    "state": (OUTCOMES, edit(4, "state.departures", 7), "state.departures is 7 in it and 0 in the"),
    "trajectory": (OUTCOMES, edit(5, "event.trajectory", "T0"), "trajectory is 'T0' in its event and 'T2' in its page"),
    "unlisted revision": (OUTCOMES, edit(1, "receipt.canon_revision", 9), "line 1: it names revision 9"),
    "field of a later version": (OUTCOMES, edit(1, "page.mood", "blue"), "would lose a part of it: page.mood"),
    "time invalid": (OUTCOMES, edit(1, "event.ts", "yesterday"), "line 1: it is not a valid outcome (event"),
    "log: journey": (LOG, edit(1, "session_id", "another"), "log.jsonl, line 1: it belongs to the journey 'another'"),
    "log: unknown topic": (LOG, edit(1, "type", "gibsey.nowhere"), "line 1: There is no topic"),
    "log: event of another topic": (LOG, edit(1, "type", "gibsey.ui.stop"), "line 1: b'"),
    "log: topic without journeys": (LOG, edit(1, "type", "gibsey.dlq"), "line 1: "),
    "log: event id": (LOG, edit(1, "event_id", "another"), "line 1: event_id is 'another' in its column"),
    "log: event not JSON": (LOG, edit(1, "payload_json", "{"), "line 1: b'{' is not a"),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
async def test_forged_archive_is_refused(systems: tuple[System, System], tmp_path: Path, what: str):
    """A change is refused where the values contradict each other, even if every hash was recomputed."""
    here, there = systems
    file, change, why = FORGED[what]

    error = await refusal(there, forging.forged(await exported(here.store), file, change), tmp_path)

    assert error.detail.startswith(file)
    assert why in error.detail
    await assert_nothing_stored(there.store)


async def test_log_contradicting_outcomes_is_refused(systems: tuple[System, System], tmp_path: Path):
    """A log with another end of a run than its outcome is refused."""
    here, there = systems

    def change(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in rows if row["type"] == "gibsey.generate.page.done")
        row["payload_json"] = row["payload_json"].replace("went on", "went in")

    error = await refusal(there, forging.forged(await exported(here.store), LOG, change), tmp_path)
    assert error.detail.endswith(
        "text is 'And then, for the time number 1, she went in.' in its event and "
        "'And then, for the time number 1, she went on.' in outcome 1 of outcomes.jsonl."
    )


REWRITTEN = {
    "press": (
        "gibsey.ui.symbol",
        '"symbol_code":0',
        '"symbol_code":17',
        "symbol_code is 17 in its event and 0 in the request",
    ),
    "request": (
        "gibsey.generate.page.request",
        '"section":1',
        '"section":9',
        "section is 9 in its event and 1 in the request",
    ),
    "end": ("gibsey.generate.page.done", '"depth":1', '"depth":4', "depth is 4 in its event and 1 in outcome"),
    "vault": (
        "gibsey.vault",
        '"page_id":"S01-P0001"',
        '"page_id":"nowhere"',
        "it saves the page nowhere, which is neither",
    ),
}


@pytest.mark.parametrize("what", REWRITTEN)
async def test_rewritten_row_is_refused(systems: tuple[System, System], tmp_path: Path, what: str):
    """A row of the log that was rewritten, hashes and all, is refused by its line, and nothing is written."""
    here, there = systems
    topic, before, after, why = REWRITTEN[what]

    def change(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in rows if row["type"] == topic and before in row["payload_json"])
        row["payload_json"] = row["payload_json"].replace(before, after)

    error = await refusal(there, forging.forged(await exported(here.store), LOG, change), tmp_path)

    assert error.detail.startswith("log.jsonl, line ")
    assert why in error.detail
    await assert_nothing_stored(there.store)


async def test_second_outcome_of_run_is_refused(systems: tuple[System, System], tmp_path: Path):
    """A second outcome of the same run is refused."""
    here, there = systems

    def change(outcomes: list[dict[str, Any]]) -> None:
        for part in ("event", "request", "receipt"):
            outcomes[1][part]["request_id"] = outcomes[0]["event"]["request_id"]

    error = await refusal(there, forging.forged(await exported(here.store), OUTCOMES, change), tmp_path)
    assert "line 2: the run " in error.detail
    assert "has an outcome in an earlier line" in error.detail


async def test_foreign_page_id_is_refused(tmp_path: Path):
    """An import cannot overwrite a canon page or a page of another journey."""
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 1)
        archive = await exported(here.store)

        def over_the_canon(outcomes: list[dict[str, Any]]) -> None:
            outcomes[0]["event"]["page_id"] = outcomes[0]["page"]["page_id"] = "S01-P0001"
            outcomes[0]["state"]["position"] = "S01-P0001"

        error = await refusal(there, forging.forged(archive, OUTCOMES, over_the_canon), tmp_path)
        assert "line 1: page_id is 'S01-P0001' in its page and " in error.detail

        # The same runs in another journey: their pages exist and belong to the first.
        await imported(there, archive, tmp_path)
        before = await all_of(there.store)
        error = await refusal(there, forging.renamed(archive, "thief"), tmp_path)
        assert "line 1: the page " in error.detail
        assert "belongs to another journey here" in error.detail
        assert await all_of(there.store) == before


async def test_saving_foreign_page_is_refused(tmp_path: Path):
    """An import cannot save a page of another journey to a vault."""
    async with two_systems(tmp_path) as (here, there):
        (outcome,) = await add_outcomes(there.store, 1, "another")
        assert outcome.page is not None
        await save(here.store, outcome.page.page_id, 1)

        error = await refusal(there, await exported(here.store), tmp_path)

        assert "line 1: it saves the page" in error.detail


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": "another"}, "its format is 'another' 1"),
        ({"format_version": 2}, "this qdpi reads 'gibsey-journey' 1"),
        ({"schema_version": 99}, "schema_version is 99; this qdpi reads versions up to 1"),
        ({"fold_version": 99}, "fold_version is 99"),
        ({"session_id": "../.."}, "is not a session id"),
        ({"session_id": "another"}, "line 1: it belongs to the journey 'reader', not to 'another'"),
        ({"outcomes": 7}, "outcomes is 7, but the outcomes give 8"),
        ({"pages": 1}, "pages is 1"),
        ({"failures": 0}, "failures is 0"),
        ({"digest": "0" * 64}, "digest is 000"),
        ({"files": {}}, "it lists []"),
        ({"canon": []}, "line 1: it names revision 1 of the canon, which the manifest does not list"),
        ({"book": 7}, "it is not a journey's manifest (book"),
        ({"unknown": 1}, "it is not a journey's manifest (unknown"),
    ],
    ids=str,
)
async def test_wrong_manifest_is_refused(
    systems: tuple[System, System], tmp_path: Path, changes: dict[str, Any], why: str
):
    """A manifest that does not match this qdpi or the archive's files is refused."""
    here, there = systems

    error = await refusal(there, forging.with_manifest(await exported(here.store), **changes), tmp_path)

    assert why in error.detail
    await assert_nothing_stored(there.store)


@pytest.mark.parametrize("missing", [MANIFEST, OUTCOMES, LOG])
async def test_missing_file_is_refused(systems: tuple[System, System], tmp_path: Path, missing: str):
    """An archive without one of its files is refused."""
    here, there = systems
    files = forging.unpacked(await exported(here.store))
    del files[missing]

    error = await refusal(there, forging.packed(files), tmp_path)

    there_are = sorted({MANIFEST, OUTCOMES, LOG} - {missing})
    assert error.detail == f"{missing}: the archive does not contain it; it contains {', '.join(map(repr, there_are))}."


async def test_broken_zip_file_is_refused(systems: tuple[System, System], tmp_path: Path):
    """Bytes that are not a complete zip file are refused."""
    here, there = systems
    archive = await exported(here.store)

    for broken in (b"", b"not a zip", archive[:-100], archive[: len(archive) // 2]):
        assert "it is incomplete or damaged" in (await refusal(there, broken, tmp_path)).detail


async def test_flipped_bit_is_refused(systems: tuple[System, System], tmp_path: Path):
    """A zip file with one flipped bit is refused."""
    here, there = systems
    archive = bytearray(await exported(here.store))
    archive[len(archive) // 3] ^= 1

    assert (await refusal(there, bytes(archive), tmp_path)).detail.startswith(OUTCOMES)
    await assert_nothing_stored(there.store)


@pytest.mark.parametrize("form", ["markdown", "epub", "twee"])
async def test_reading_copy_is_refused(systems: tuple[System, System], tmp_path: Path, form: str):
    """A reading copy is not an archive."""
    here, there = systems

    error = await refusal(there, await exported(here.store, form), tmp_path)

    assert "reading copy" in error.detail
    assert "only a file of `qdpi export --format log` can be imported" in error.detail


async def test_missing_path_is_refused(tmp_path: Path):
    """A path without an archive is refused."""
    async with system_in(tmp_path) as system:
        (tmp_path / "empty").mkdir()

        assert "it cannot be read: No such file" in (await refusal(system, tmp_path / "nowhere.zip", tmp_path)).detail
        assert "does not contain it; it is empty" in (await refusal(system, tmp_path / "empty", tmp_path)).detail


async def test_overlong_line_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A line over the limit is refused before it is read to its end."""
    from qdpi.export.archive import read as reading_archives

    monkeypatch.setattr(reading_archives, "MAX_BYTES", 5_000)
    async with two_systems(tmp_path) as (here, there):
        await add_outcomes(here.store, 1, text="x" * 5_000)

        error = await refusal(there, await exported(here.store), tmp_path)

        assert error.detail == "outcomes.jsonl, line 1: it is longer than 5,000 bytes."
