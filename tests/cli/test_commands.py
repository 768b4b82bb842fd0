from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.canon import written_books
from tests.cli.conftest import Call
from tests.support import factories

from qdpi.book import __file__ as book_file
from qdpi.bus.embedded import EmbeddedBus
from qdpi.bus.middleware.dead_letter import letter_of
from qdpi.bus.port import Headers, Message, Partition, Record
from qdpi.errors import MalformedEvent, ModelEmpty, UnknownPage
from qdpi.events import TOPICS, DeadLetter, PageRequest, Press, decode, fault_of
from qdpi.journey import JourneyState
from qdpi.outcome import dead_letter_of
from qdpi.program.dials import Dials
from qdpi.program.draft import Draft
from qdpi.program.result import fail
from qdpi.program.saved import Origin, SavedProgram
from qdpi.system import utc_now

BOOK = Path(book_file).parent / "corpus"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def in_bus(data: Path, *messages: Message) -> list[Record]:
    """Publish messages on the bus of a data directory; return all records of its core topics."""

    async def work() -> list[Record]:
        bus = EmbeddedBus(data, now=utc_now)
        await bus.open()
        try:
            for message in messages:
                await bus.publish(message)
            return [record for topic in TOPICS for record in [r async for r in bus.scan(topic)]]
        finally:
            await bus.close()

    return asyncio.run(work())


# ingest-canon


def test_ingest_reports_pages_and_ring(qdpi: Call):
    """A book is ingested and its ring checked."""
    code, out, err = qdpi("ingest-canon", BOOK, "--json")

    done = json.loads(out)
    assert code == 0
    assert done["changed"]
    assert done["ring_closed"]
    assert done["pages"] == done["next_edges"] == done["written"]
    assert f"Reading: {done['pages']} of {done['pages']}" in err


def test_ingest_of_the_same_book_changes_nothing(qdpi: Call):
    qdpi("ingest-canon", BOOK)

    code, out, _ = qdpi("ingest-canon", BOOK)

    assert code == 0
    assert "unchanged, revision 1" in out
    assert "the ring is closed" in out


@pytest.mark.canon
@pytest.mark.slow
def test_ingest_of_the_authors_canon(qdpi: Call, canon: Path):
    """The author's canon has 710 pages on a closed ring."""
    done = json.loads(qdpi("ingest-canon", canon, "--json").out)

    assert (done["pages"], done["next_edges"], done["ring_closed"]) == (710, 710, True)


def test_ingest_without_a_book_is_refused(qdpi: Call, tmp_path: Path):
    code, out, err = qdpi("ingest-canon", tmp_path / "nowhere")

    assert (code, out) == (1, "")
    assert "There is nothing at" in err


def test_broken_book_is_refused_with_all_faults(qdpi: Call, tmp_path: Path):
    """A broken book is refused with every fault, and nothing is written."""
    qdpi("ingest-canon", BOOK)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.md").write_text("---\npage_id: S01-P0001\ncharacter: an-author\ntitle: A\n---\n", encoding="utf-8")
    (broken / "b.md").write_text("---\npage_id: S99-P0002\ncharacter: nobody\ntitle: B\n---\nb\n", encoding="utf-8")

    code, out, err = qdpi("ingest-canon", broken)

    assert (code, out) == (1, "")
    assert "a.md" in err
    assert "b.md" in err
    assert "nothing was written" in err
    assert json.loads(qdpi("ingest-canon", BOOK, "--json").out)["revision"] == 1


def test_ingest_names_files_that_are_not_read(qdpi: Call, tmp_path: Path):
    """A file that was not read is named on standard error, of a book that is taken as of one that is refused."""
    book = written_books.markdown(tmp_path / "book")
    (book / "notes.txt").write_text("No page.")

    code, _, err = qdpi("ingest-canon", book)

    assert code == 0
    assert "Note: 1 file was not read: notes.txt" in err

    (book / "009-page.md").rename(book / "009-page.txt")

    code, _, err = qdpi("ingest-canon", book)

    assert code == 1
    assert "009-page.txt: S05-P0009: this page is not read" in err
    assert "Note: 1 file was not read: notes.txt" in err


# run-symbol


def test_run_symbol_prints_its_page(qdpi: Call, data: Path):
    """A symbol is run without a bus, and its page is printed."""
    code, out, _ = qdpi("run-symbol", "an-author:XC", "--page", "S01-P0002")

    assert code == 0
    assert "symbol      an-author:XC (0x00) at S01-P0002" in out
    assert "trajectory  T0" in out
    assert "next_within S01-P0003" in out
    assert "written by  offline" in out
    assert not (data / "bus.db").exists()


def test_run_symbol_shows_its_prompt(qdpi: Call):
    """As it was sent, before the page; in JSON beside it."""
    shown = qdpi("run-symbol", "an-author:XC", "--page", "S01-P0002", "--show-prompt").out
    told = json.loads(qdpi("run-symbol", "an-author:XC", "--page", "S01-P0002", "--show-prompt", "--json").out)
    (prompt,) = told["prompts"]
    assert [message["role"] for message in prompt["messages"]] == ["system", "user", "assistant", "user"]
    assert shown.startswith("--- receive: system\nYou are an author")
    assert all(message["content"] in shown for message in prompt["messages"])
    assert shown.index(told["title"]) > shown.index(prompt["messages"][-1]["content"][-40:])


def test_run_symbol_json_is_the_whole_prediction(qdpi: Call):
    result = json.loads(qdpi("run-symbol", "0x0D", "--trajectory", "t2", "--intent", "the lamp", "--json").out)

    assert result["policy"]["wished"] == "T2"
    assert result["page_text"]
    assert result.keys() >= {"plan", "page_text", "edges", "validation", "policy", "sources", "title", "return_to"}


def saved_program(path: Path, model: str) -> Path:
    """Write a program that shows one pair of pages only."""
    program = SavedProgram(Dials(demos=1, demo_words=20), origin=Origin(optimizer="random-search", model=model))
    path.write_text(json.dumps(program.as_json()), encoding="utf-8")
    return path


def test_run_symbol_is_written_by_the_saved_program(qdpi: Call, tmp_path: Path):
    """Which changes the page, and is named beside it."""
    given = ("run-symbol", "an-author:XC", "--page", "S01-P0002")
    program = saved_program(tmp_path / "mine.json", "offline")
    plain, taught = (json.loads(qdpi(*given, *flags, "--json").out) for flags in ((), ("--program", program)))

    assert plain["program"] is None
    assert taught["program"]["name"] == "mine.json"
    assert plain["page_text"] != taught["page_text"]
    assert (
        f"by the saved program mine.json ({taught['program']['sha256'][:12]})" in qdpi(*given, "--program", program).out
    )


@pytest.mark.parametrize("command", [("run", "--port", "0"), ("worker", "page_generator"), ("run-symbol", "0")])
def test_damaged_program_is_refused_at_the_start(qdpi: Call, tmp_path: Path, command: tuple[str, ...]):
    (tmp_path / "mine.json").write_text("{", encoding="utf-8")

    code, out, err = qdpi(*command, "--program", tmp_path / "mine.json")

    assert (code, out) == (2, "")
    assert "QDPI_PROGRAM" in err
    assert "no JSON" in err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("999",), 2, "999"),
        (("0x1G",), 2, "0x1G"),
        (("nobody:XC",), 2, "nobody:XC"),
        (("0", "--page", "../../etc/passwd"), 1, "etc/passwd"),
        (("0", "--page", "S01-P9999"), 1, "S01-P9999"),
        (("0", "--intent", "a\x07b"), 2, "U+0007"),
        (("0", "--intent", "a" * 100_000), 2, "100,000"),
        (("0", "--trajectory", "T9"), 2, "T9"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_invalid_run_symbol_is_one_sentence(qdpi: Call, words: tuple[str, ...], code: int, says: str):
    """A symbol that cannot be run is refused in one sentence."""
    refused = qdpi("run-symbol", *words)

    last = refused.err.splitlines()[-1]
    assert (refused.code, refused.out) == (code, "")
    assert last.startswith("qdpi: ")
    assert says in last
    assert len(last) < 400


# reindex-page


@pytest.mark.slow
def test_reindex_by_id_or_all(qdpi: Call):
    """Pages are indexed again by their ids, or all of them."""
    pages = json.loads(qdpi("ingest-canon", BOOK, "--json").out)["pages"]

    assert qdpi("reindex-page", "S01-P0001", "S01-P0002").out == "2 pages indexed.\n"
    assert len(json.loads(qdpi("reindex-page", "--all", "--json").out)["indexed"]) == pages


def test_reindex_of_no_or_unknown_page_is_refused(qdpi: Call):
    qdpi("ingest-canon", BOOK)

    assert qdpi("reindex-page").code == 2
    assert qdpi("reindex-page", "S01-P0001", "--all").code == 2
    unknown = qdpi("reindex-page", "S01-P9999")
    assert unknown.code == 1
    assert "S01-P9999" in unknown.err


def test_reindex_without_a_book_has_next_step(qdpi: Call):
    code, _, err = qdpi("reindex-page", "--all")

    assert code == 1
    assert "ingest-canon" in err


# kafka-topics, tail


def test_core_topics_are_listed_with_offsets(qdpi: Call, data: Path):
    in_bus(data, Message(Press.topic, b"s1", b"{}"), Message(Press.topic, b"s1", b"{}"))

    listed = {row["topic"]: row for row in json.loads(qdpi("kafka-topics", "--json").out)["topics"]}

    assert listed.keys() == TOPICS.keys()
    assert (listed[Press.topic]["first"], listed[Press.topic]["next"]) == (0, 2)
    assert "gibsey.dlq" in qdpi("kafka-topics", "--list").out


@pytest.mark.process
def test_tail_follows_a_journey_from_the_start(data: Path):
    in_bus(
        data,
        Message(Press.topic, b"s1", b'{"session_id": "s1", "symbol_code": 0, "user_intent": "\\u001b[31m"}'),
        Message(Press.topic, b"s2", b'{"session_id": "s2"}'),
        Message(Press.topic, b"s1", b"\xff not json"),
    )

    mine = tail_lines(2, "--from-start", "--session", "s1", "--json", until=1)
    all_of_them = tail_lines(3, "--from-start", until=3)

    assert [json.loads(line)["value"]["session_id"] for line in mine] == ["s1"]
    assert "symbol_code=0" in all_of_them[0]
    assert "\x1b" not in "".join(all_of_them)
    assert "no event" in all_of_them[2]


def tail_lines(count: int, *args: str, until: int) -> list[str]:
    """Run `qdpi tail` until it has printed `until` lines, and interrupt it."""
    command = [sys.executable, "-m", "qdpi", "tail", *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(until)]
        child.send_signal(2)
        _, err = child.communicate(timeout=60)
        assert (child.returncode, err.strip()) == (130, "")
    return lines


def test_tail_of_unknown_topic_or_session_is_misuse(qdpi: Call):
    """An unknown topic and a malformed session are misuse."""
    assert qdpi("tail", "--topic", "gibsey.nope").code == 2
    assert qdpi("tail", "--session", "../x").code == 2


# worker, settings, doctor


def test_unknown_worker_is_refused_with_all_names(qdpi: Call):
    code, _, err = qdpi("worker", "enricher", "writer")

    assert code == 2
    assert "'writer'" in err
    assert "page_generator" in err


def test_worker_without_a_book_is_refused(qdpi: Call):
    """A worker that needs a book ends with an error if there is none."""
    code, _, err = qdpi("worker", "page_generator")

    assert code == 1
    assert "There is no book" in err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--port", "abc"), "QDPI_PORT is 'abc'"),
        (("--port", "99999"), "65535"),
        (("--host", "no.such.host.invalid"), "QDPI_HOST"),
        (("--model", "gpt"), "QDPI_MODEL is 'gpt'"),
        (("--log-level", "loud"), "QDPI_LOG_LEVEL"),
        (("--page-events", "random"), "keyed, section, page"),
        (("--model-timeout", "-1"), "QDPI_MODEL_TIMEOUT"),
        (("--concurrency", "0"), "QDPI_CONCURRENCY"),
    ],
)
def test_invalid_setting_is_refused_at_startup(qdpi: Call, flags: tuple[str, ...], says: str):
    code, out, err = qdpi("run", "--port", "0", *flags)  # another program may have the default port

    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def test_secret_in_another_setting_is_hidden(qdpi: Call, monkeypatch: pytest.MonkeyPatch):
    """A secret given in place of a number is not printed."""
    monkeypatch.setenv("QDPI_SECRET", "hushhush-hushhush")

    assert "hushhush-hushhush" not in qdpi("run", "--port", "hushhush-hushhush").err


def test_impossible_data_directory_is_one_sentence(qdpi: Call, tmp_path: Path):
    (tmp_path / "file").write_text("no directory", encoding="utf-8")

    code, _, err = qdpi("kafka-topics", "--data-dir", tmp_path / "file" / "data")

    assert code == 1
    assert err.count("\n") == 1
    assert str(tmp_path / "file") in err


def test_doctor_passes_with_a_book(qdpi: Call):
    qdpi("ingest-canon", BOOK)

    code, out, _ = qdpi("doctor", "--port", "0", "--json")

    health = {finding["what"]: finding["health"] for finding in json.loads(out)}
    assert code == 0
    assert health.keys() == {
        "files",
        "python",
        "settings",
        "data",
        "store",
        "book",
        "bus",
        "topics",
        "work",
        "model",
        "wheels",
        "port",
    }
    assert "fail" not in health.values()
    assert health["book"] == "ok"


def test_doctor_failure_has_next_step(qdpi: Call, monkeypatch: pytest.MonkeyPatch):
    """A failed check is named, with what to do."""
    monkeypatch.setenv("QDPI_MODEL", "openai/some-model")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")

    code, out, _ = qdpi("doctor", "--port", "0")

    lines = {line.split()[1]: line for line in out.splitlines()}
    assert code == 1
    assert lines["model"].startswith("fail")
    assert "QDPI_MODEL" in lines["model"]
    assert lines["book"].startswith("warn")


@pytest.mark.parametrize(("model", "health"), [("offline", "ok"), ("", "ok"), ("openai/large", "warn")])
def test_doctor_says_which_program_writes(qdpi: Call, tmp_path: Path, model: str, health: str):
    """It warns where the program was optimised for another model."""
    path = saved_program(tmp_path / "mine.json", model)

    code, out, _ = qdpi("doctor", "--port", "0", "--program", path)

    lines = {line.split()[1]: line for line in out.splitlines()}
    assert code == 0
    assert lines["program"].startswith(
        f"{health:4} program  mine.json, optimised by random-search for {model or 'any'}"
    )
    assert hashlib.sha256(path.read_bytes()).hexdigest() in lines["program"]


def test_doctor_reports_a_damaged_program(qdpi: Call, tmp_path: Path):
    (tmp_path / "mine.json").write_text('{"format": "qdpi-program"}', encoding="utf-8")

    code, out, _ = qdpi("doctor", "--port", "0", "--program", tmp_path / "mine.json")

    assert code == 1
    assert "fail program" in out


def test_doctor_reports_an_invalid_setting(qdpi: Call):
    code, out, _ = qdpi("doctor", "--model-timeout", "soon")

    assert code == 1
    assert "fail settings QDPI_MODEL_TIMEOUT is 'soon'" in out


def test_doctor_reports_an_unwritable_directory(qdpi: Call, tmp_path: Path):
    (tmp_path / "file").write_text("no directory", encoding="utf-8")

    code, out, _ = qdpi("doctor", "--data-dir", tmp_path / "file", "--port", "0")

    assert code == 1
    assert "fail data" in out


@pytest.mark.process
def test_closed_pipe_is_no_error():
    run = subprocess.run(
        f"{sys.executable} -m qdpi kafka-topics | true", shell=True, capture_output=True, text=True, check=True
    )

    assert run.stderr == ""


# dlq


def letters(data: Path) -> None:
    """Publish dead letters of a failed run and of a malformed record."""
    run = dead_letter_of(
        fail(
            factories.request("alice"), JourneyState(), fault_of(ModelEmpty("Nothing."), str), factories.at(5), Draft()
        )
    )
    record = Record(
        Partition("gibsey.index.update", 0), 7, b"key", b"\xff\xfe", (("x-event-id", b"e7"),), factories.at(3)
    )
    stray = letter_of(record, fault_of(MalformedEvent("No event."), str), 1, group="qdpi.indexer", at=factories.at(4))
    assert run is not None
    in_bus(
        data,
        Message(DeadLetter.topic, b"alice", run.encode()),
        Message(DeadLetter.topic, b"key", stray.encode()),
        Message(DeadLetter.topic, b"key", stray.encode()),
        Message(DeadLetter.topic, b"key", b"\x00 no letter"),
    )


def test_dead_letters_are_listed_once_each(qdpi: Call, data: Path):
    letters(data)

    listed = json.loads(qdpi("dlq", "list", "--json").out)

    assert [(letter["group"], letter["error"]["code"]) for letter in listed] == [
        ("qdpi.page_generator", "model_empty"),
        ("qdpi.indexer", "malformed_event"),
    ]
    assert listed[0]["event_id"] in qdpi("dlq", "list").out


def test_letter_is_shown_with_its_original_bytes(qdpi: Call, data: Path):
    letters(data)
    run, stray = (letter["event_id"] for letter in json.loads(qdpi("dlq", "list", "--json").out))

    assert json.loads(qdpi("dlq", "show", run, "--json").out)["original"]["value"]["session_id"] == "alice"
    assert json.loads(qdpi("dlq", "show", stray, "--json").out)["original"]["value"] == {"base64": "//4="}
    assert "model_empty" in qdpi("dlq", "show", run[:12]).out


def test_repeated_replay_of_a_run_is_one_press(qdpi: Call, data: Path):
    """A failed run is replayed as one press, however often the command is run."""
    letters(data)
    run = json.loads(qdpi("dlq", "list", "--json").out)[0]["event_id"]

    result = [json.loads(qdpi("dlq", "replay", run, "--json").out) for _ in range(2)]

    presses = [decode(Press, record.value) for record in in_bus(data) if record.topic == Press.topic]
    assert result[0] == result[1]
    assert result[0]["new_press"]
    assert {press.event_id for press in presses} == {result[0]["event_id"]}
    assert presses[0].replays == factories.request("alice").press_id


def test_replay_of_a_record_is_unchanged(qdpi: Call, data: Path):
    """The record of another consumer is published again unchanged."""
    letters(data)
    stray = json.loads(qdpi("dlq", "list", "--json").out)[1]["event_id"]

    code, out, _ = qdpi("dlq", "replay", stray)

    (again,) = [record for record in in_bus(data) if record.topic == "gibsey.index.update"]
    assert code == 0
    assert "gibsey.index.update" in out
    assert (again.key, again.value, again.headers) == (b"key", b"\xff\xfe", (("x-event-id", b"e7"),))


def test_replay_finds_a_press_by_its_body(qdpi: Call, data: Path):
    """A refused press without headers is found by its body and pressed again."""
    press = Press(event_id="p1", ts=factories.at(0), session_id="alice", symbol_code=7, page_id="S99-P9999")
    others = press.model_copy(update={"session_id": "bob", "symbol_code": 8})
    refusal = fault_of(UnknownPage("There is no page S99-P9999."), str)
    request = PageRequest(
        event_id="r1", ts=factories.at(1), session_id="alice", press_id="p1", request_id="r1", error=refusal
    )
    run = dead_letter_of(fail(request, JourneyState(), refusal, factories.at(5), Draft()))
    assert run is not None
    in_bus(
        data,
        Message(Press.topic, b"key", b"no press", (("x-event-id", b"p1"),)),
        Message(Press.topic, b"bob", others.encode()),
        Message(Press.topic, b"alice", press.encode()),
        Message(DeadLetter.topic, b"alice", run.encode()),
    )

    result = json.loads(qdpi("dlq", "replay", run.event_id, "--json").out)

    *_, again = [decode(Press, r.value) for r in in_bus(data) if r.topic == Press.topic and r.value != b"no press"]
    assert (again.event_id, again.replays) == (result["event_id"], "p1")
    assert (again.session_id, again.symbol_code) == ("alice", 7)


@pytest.mark.parametrize(
    ("value", "headers", "event_id"),
    [
        (b"\xfe", (("x-event-id", b"\xff"),), "\N{REPLACEMENT CHARACTER}"),
        (b'{"event_id": "e1"}', (), "e1"),
        (b"{}", (), None),
    ],
)
def test_replay_of_a_record_with_malformed_headers(
    qdpi: Call, data: Path, value: bytes, headers: Headers, event_id: str | None
):
    """A record with malformed headers, or none, is published again once and reported."""
    record = Record(Partition("gibsey.index.update", 0), 7, b"key", value, headers, factories.at(3))
    letter = letter_of(record, fault_of(MalformedEvent("No event."), str), 1, group="qdpi.indexer", at=factories.at(4))
    in_bus(data, Message(DeadLetter.topic, b"key", letter.encode()))

    code, out, _ = qdpi("dlq", "replay", letter.event_id, "--json")

    (again,) = [record for record in in_bus(data) if record.topic == "gibsey.index.update"]
    assert code == 0
    assert json.loads(out)["event_id"] == event_id
    assert (again.value, again.headers) == (value, headers)


@pytest.mark.parametrize("command", ["show", "replay"])
def test_unknown_letter_is_misuse(qdpi: Call, command: str):
    code, out, err = qdpi("dlq", command, "nothing")

    assert (code, out) == (2, "")
    assert "`qdpi dlq list`" in err
