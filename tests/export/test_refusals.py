"""Archives that are not what they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.export import forging
from tests.export.journeys import (
    all_of,
    exported,
    imported,
    nothing_here,
    read,
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
    "the last line is missing": (OUTCOMES, lambda lines: lines[:-1], "ends after line 7, and the manifest knows 8"),
    "all lines are missing": (OUTCOMES, lambda lines: [], "ends after line 0"),
    "the last line breaks off": (OUTCOMES, lambda lines: [*lines[:-1], lines[-1][:-9]], "line 8: it breaks off"),
    "the last break is missing": (OUTCOMES, lambda lines: [*lines[:-1], lines[-1][:-1]], "line 8: it breaks off"),
    "the first line is missing": (OUTCOMES, lambda lines: lines[1:], "line 1: it is outcome 2, where 1 must stand"),
    "a line is missing": (OUTCOMES, lambda lines: [*lines[:3], *lines[4:]], "line 4: it is outcome 5, where 4 must"),
    "two lines are swapped": (OUTCOMES, swapped, "line 2: it is outcome 3, where 2 must stand"),
    "a line is doubled": (OUTCOMES, lambda lines: [lines[0], *lines], "line 2: it is outcome 1, where 2 must stand"),
    "a line stands again at the end": (OUTCOMES, lambda lines: [*lines, lines[0]], "line 9: the manifest knows 8"),
    "a letter is another": (
        OUTCOMES,
        lambda lines: [*lines[:4], lines[4].replace(b"went on", b"went in"), *lines[5:]],
        "line 5: it was edited",
    ),
    "a line is no JSON": (OUTCOMES, lambda lines: [*lines[:4], lines[4][:200] + b"\n"], "line 5: it is no line of"),
    "a line is JSON of nothing": (OUTCOMES, lambda lines: [b"{}\n", *lines], "line 1: it is no line of outcomes.jsonl"),
    "a line is no outcome": (OUTCOMES, lambda lines: [lines[0][:86] + b"{}}\n"], "line 1: it is no outcome"),
    "a line is empty": (OUTCOMES, lambda lines: [*lines[:2], b"\n", *lines[2:]], "line 3: it is no line of"),
    "the log's last line is missing": (LOG, lambda lines: lines[:-1], "ends after line"),
    "the log's lines are swapped": (LOG, swapped, "log.jsonl, line"),
    "a line of the log is doubled": (LOG, lambda lines: [lines[0], *lines], "line 2: the event"),
    "a line of the log is missing": (LOG, lambda lines: [*lines[:3], *lines[4:]], "line 4: it was edited, or does"),
    "a note is another": (
        LOG, lambda lines: [line.replace(b"read again", b"read never") for line in lines], "log.jsonl, line",
    ),
    "the log holds outcomes": (LOG, lambda lines: [lines[0].replace(b'"event":', b'"page":')], "line 1: it is no line"),
}  # fmt: skip


@pytest.mark.parametrize("what", CUT)
async def test_a_file_that_was_cut_or_edited_is_refused_at_its_line(
    systems: tuple[System, System], tmp_path: Path, what: str
):
    here, there = systems
    file, change, why = CUT[what]

    error = await refusal(there, forging.with_lines(await exported(here.store), file, change), tmp_path)

    assert error.detail.startswith(file)
    assert why in error.detail
    assert "Nothing was changed here" in error.next_step
    await nothing_here(there.store)


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
    "another's outcome": (OUTCOMES, edit(2, "event.session_id", "another"), "line 2: it is of the journey 'another'"),
    "another's request": (OUTCOMES, edit(2, "request.session_id", "another"), "line 2: its request is of the journey"),
    "a seq": (OUTCOMES, edit(3, "event.seq", 4), "line 3: it is outcome 4, where 3 must stand"),
    "a text in one place": (OUTCOMES, edit(1, "page.text", "edited"), "line 1: its event and its page say"),
    "a page that hangs elsewhere": (OUTCOMES, edit(1, "page.placement.anchor", "S02-P0004"), "things of anchor"),
    "a page that hangs nowhere": (OUTCOMES, edit(1, "page.placement", None), "line 1: it is done, and yet"),
    "no page": (OUTCOMES, edit(1, "page", None), "line 1: it is done, and yet it has no page"),
    "another run's receipt": (OUTCOMES, edit(1, "receipt.request_id", "another"), "are not of one run"),
    "another receipt": (OUTCOMES, edit(1, "receipt.receipt_id", "another"), "line 1: its receipt is another's"),
    "a state": (OUTCOMES, edit(4, "state.departures", 7), "line 4: its state is not what"),
    "a fold": (OUTCOMES, edit(5, "event.trajectory", "T0"), "different things of trajectory"),
    "a revision that nobody knows": (OUTCOMES, edit(1, "receipt.canon_revision", 9), "line 1: it names revision 9"),
    "a field of a later version": (OUTCOMES, edit(1, "page.mood", "blue"), "would not keep what it says of page.mood"),
    "a time that is none": (OUTCOMES, edit(1, "event.ts", "yesterday"), "line 1: it is no outcome (event"),
    "another's event": (LOG, edit(1, "session_id", "another"), "log.jsonl, line 1: it is of the journey 'another'"),
    "a topic": (LOG, edit(1, "type", "gibsey.nowhere"), "line 1: There is no topic"),
    "an event of another topic": (LOG, edit(1, "type", "gibsey.ui.stop"), "line 1: b'"),
    "a topic that is no journey's": (LOG, edit(1, "type", "gibsey.dlq"), "line 1: "),
    "an event id": (LOG, edit(1, "event_id", "another"), "line 1: its columns and its event say different things"),
    "an event that is no JSON": (LOG, edit(1, "payload_json", "{"), "line 1: b'{' is not a"),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED)
async def test_a_forger_who_makes_every_hash_fit_is_refused_where_the_story_does_not(
    systems: tuple[System, System], tmp_path: Path, what: str
):
    here, there = systems
    file, change, why = FORGED[what]

    error = await refusal(there, forging.forged(await exported(here.store), file, change), tmp_path)

    assert error.detail.startswith(file)
    assert why in error.detail
    await nothing_here(there.store)


async def test_a_log_that_tells_another_end_than_the_outcomes_is_refused(
    systems: tuple[System, System], tmp_path: Path
):
    here, there = systems

    def change(rows: list[dict[str, Any]]) -> None:
        row = next(row for row in rows if row["type"] == "gibsey.generate.page.done")
        row["payload_json"] = row["payload_json"].replace("went on", "went in")

    error = await refusal(there, forging.forged(await exported(here.store), LOG, change), tmp_path)
    assert "what outcomes.jsonl does not" in error.detail


async def test_a_run_that_has_two_outcomes_is_refused(systems: tuple[System, System], tmp_path: Path):
    here, there = systems

    def change(outcomes: list[dict[str, Any]]) -> None:
        for part in ("event", "request", "receipt"):
            outcomes[1][part]["request_id"] = outcomes[0]["event"]["request_id"]

    error = await refusal(there, forging.forged(await exported(here.store), OUTCOMES, change), tmp_path)
    assert "line 2: the run " in error.detail
    assert "has an outcome in an earlier line" in error.detail


async def test_nobody_imports_a_page_over_the_books_or_anothers(tmp_path: Path):
    async with two_systems(tmp_path) as (here, there):
        await read(here.store, 1)
        archive = await exported(here.store)

        def over_the_canon(outcomes: list[dict[str, Any]]) -> None:
            outcomes[0]["event"]["page_id"] = outcomes[0]["page"]["page_id"] = "S01-P0001"
            outcomes[0]["state"]["position"] = "S01-P0001"

        error = await refusal(there, forging.forged(archive, OUTCOMES, over_the_canon), tmp_path)
        assert "line 1: its page 'S01-P0001' is not the one that its run writes" in error.detail

        # The same runs under another name: their pages are here already, and somebody's.
        await imported(there, archive, tmp_path)
        before = await all_of(there.store)
        error = await refusal(there, forging.renamed(archive, "thief"), tmp_path)
        assert "line 1: the page " in error.detail
        assert "is another journey's here" in error.detail
        assert await all_of(there.store) == before


async def test_nobody_saves_anothers_page_by_an_import(tmp_path: Path):
    async with two_systems(tmp_path) as (here, there):
        (outcome,) = await read(there.store, 1, "another")
        assert outcome.page is not None
        await save(here.store, outcome.page.page_id, 1)

        error = await refusal(there, await exported(here.store), tmp_path)

        assert "line 1: it saves the page" in error.detail


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"format": "another"}, "it is of the format 'another' 1"),
        ({"format_version": 2}, "and this is 'gibsey-journey' 1"),
        ({"schema_version": 99}, "schema_version is 99, and this qdpi knows versions up to 1"),
        ({"fold_version": 99}, "fold_version is 99"),
        ({"session_id": "../.."}, "is not a session id"),
        ({"session_id": "another"}, "line 1: it is of the journey 'reader', not of 'another'"),
        ({"outcomes": 7}, "outcomes is 7, and the outcomes come to 8"),
        ({"pages": 1}, "pages is 1"),
        ({"failures": 0}, "failures is 0"),
        ({"digest": "0" * 64}, "digest is 000"),
        ({"files": {}}, "it names []"),
        ({"canon": []}, "line 1: it names revision 1 of the canon, of which the manifest says nothing"),
        ({"book": 7}, "it is no manifest of a journey (book"),
        ({"unknown": 1}, "it is no manifest of a journey (unknown"),
    ],
    ids=str,
)
async def test_a_manifest_that_says_something_else_is_refused(
    systems: tuple[System, System], tmp_path: Path, changes: dict[str, Any], why: str
):
    here, there = systems

    error = await refusal(there, forging.with_manifest(await exported(here.store), **changes), tmp_path)

    assert why in error.detail
    await nothing_here(there.store)


@pytest.mark.parametrize("missing", [MANIFEST, OUTCOMES, LOG])
async def test_an_archive_without_one_of_its_files_is_refused(
    systems: tuple[System, System], tmp_path: Path, missing: str
):
    here, there = systems
    files = forging.unpacked(await exported(here.store))
    del files[missing]

    error = await refusal(there, forging.packed(files), tmp_path)

    assert error.detail == f"{missing}: the archive does not hold it."


async def test_bytes_that_are_no_zip_file_are_refused(systems: tuple[System, System], tmp_path: Path):
    here, there = systems
    archive = await exported(here.store)

    for broken in (b"", b"not a zip", archive[:-100], archive[: len(archive) // 2]):
        assert "it is not whole" in (await refusal(there, broken, tmp_path)).detail


async def test_a_zip_file_with_a_flipped_bit_is_refused(systems: tuple[System, System], tmp_path: Path):
    here, there = systems
    archive = bytearray(await exported(here.store))
    archive[len(archive) // 3] ^= 1

    assert (await refusal(there, bytes(archive), tmp_path)).detail.startswith(OUTCOMES)
    await nothing_here(there.store)


@pytest.mark.parametrize("form", ["markdown", "epub", "twee"])
async def test_a_copy_for_reading_is_no_archive(systems: tuple[System, System], tmp_path: Path, form: str):
    here, there = systems

    error = await refusal(there, await exported(here.store, form), tmp_path)

    assert "the archive does not hold it" in error.detail or "it is not whole" in error.detail


async def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    async with system_in(tmp_path) as system:
        for path in (tmp_path / "nowhere.zip", tmp_path):
            assert "it cannot be read: No such file" in (await refusal(system, path, tmp_path)).detail


async def test_a_line_without_an_end_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from qdpi.export.archive import read as reading_archives

    monkeypatch.setattr(reading_archives, "MOST_BYTES", 5_000)
    async with two_systems(tmp_path) as (here, there):
        await read(here.store, 1, text="x" * 5_000)

        error = await refusal(there, await exported(here.store), tmp_path)

        assert error.detail == "outcomes.jsonl, line 1: it is longer than 5,000 bytes."
