"""The directory of an evaluation: the edition, what was evaluated, each writer's answers, and what is made of them."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from qdpi.errors import InvalidInput
from qdpi.evaluation.answers import Answer, newest, parse_answer

RECORD: Final = "evaluation.json"
EDITION: Final = "edition"
_ANSWERS: Final = ".jsonl"
_OF_EVALUATION: Final = "Give a file that an evaluation wrote."


class RunDirectory:
    """An evaluation's files. Answers are appended as they come, so that a run that ends at any moment can go on."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def edition(self) -> Path:
        """The folder of the edition: a book."""
        return self.root / EDITION

    def begin(self, record: Mapping[str, Any], edition: Mapping[str, str]) -> None:
        """Write record and edition, or check that the directory has the same record. Raises `InvalidInput`."""
        kept = self._record()
        if kept is not None:
            different = sorted(name for name in record.keys() | kept.keys() if record.get(name) != kept.get(name))
            if different:
                raise InvalidInput(
                    f"{self.root} has another evaluation: {', '.join(different)} differ.",
                    next_step="Give the same options again, or another directory with --out.",
                )
        try:
            self.edition.mkdir(parents=True, exist_ok=True)
            for name, text in edition.items():
                (self.edition / name).write_text(text, encoding="utf-8")
            self.write(RECORD, json_text(record))  # last: a directory with a record has its whole edition
        except OSError as error:
            raise InvalidInput(
                f"{self.root} cannot be written to: {error.strerror}.", next_step="Give another directory with --out."
            ) from error

    def write(self, name: str, text: str) -> Path:
        """Write a file of results at once, and return its path."""
        path, new = self.root / name, self.root / f".{name}.new"
        new.write_bytes(text.encode("utf-8", "replace"))
        return new.replace(path)

    def writers(self) -> list[str]:
        """Return the names of the writers with answers, the first to have begun first."""
        files = {path.name.removesuffix(_ANSWERS): _lines(path) for path in self.root.glob(f"*{_ANSWERS}")}
        begun = {name: str(_object(lines[0]).get("began", "")) for name, lines in files.items() if len(lines) > 1}
        return sorted(begun, key=lambda name: (begun[name], name))

    def answers(self, writer: str) -> dict[int, Answer]:
        """Return a writer's answers by the number of their press. A last line that was cut off is left out."""
        return newest(map(parse_answer, _lines(self._file(writer))[1:]))

    @contextmanager
    def appending(self, writer: str, described: Mapping[str, str], at: datetime) -> Iterator[AnswerLog]:
        """Open a writer's answers for a block, for this process alone.

        `described` is what the writer is. Raises `InvalidInput` where another process has them, or where they are those
        of a writer of this name that is another.
        """
        with self._file(writer).open("a+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InvalidInput(
                    f"Another process is pressing for {writer!r} in {self.root}.",
                    next_step="Wait for it, or give another directory with --out.",
                ) from None
            file.seek(0)
            end = file.truncate(file.read().rfind(b"\n") + 1)
            self._check_head(writer, described)
            if not end:
                file.write(_line({"writer": dict(described), "began": at.isoformat()}))
                file.flush()
            yield AnswerLog(file)

    def _check_head(self, writer: str, described: Mapping[str, str]) -> None:
        lines = _lines(self._file(writer))
        if lines and (before := _object(lines[0]).get("writer")) != described:
            raise InvalidInput(
                f"The answers of {writer!r} in {self.root} are by {before!r:.200}, not by {dict(described)!r:.200}.",
                next_step="Give the other one a name of its own with as=NAME.",
            )

    def _file(self, writer: str) -> Path:
        return self.root / f"{writer}{_ANSWERS}"

    def _record(self) -> dict[str, Any] | None:
        path = self.root / RECORD
        return read_object(path) if path.exists() else None


class AnswerLog:
    """A writer's answers, open to be appended to."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def append(self, answer: Answer) -> None:
        """Append an answer; it is in the file when this returns."""
        self._file.write(f"{answer.line()}\n".encode("utf-8", "surrogatepass"))
        self._file.flush()


def read_object(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file. Raises `InvalidInput`."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", next_step=_OF_EVALUATION) from error
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON: {error}.", next_step=_OF_EVALUATION) from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{path} is not a JSON object.", next_step=_OF_EVALUATION)
    return value


def _lines(path: Path) -> list[str]:
    """Return the whole lines of a file; one that was cut off at the end is left out."""
    if not path.exists():
        return []
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [line.decode("utf-8", "surrogatepass") for line in whole.split(b"\n") if line]


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"{line[:80]!r} is not JSON: {error}.") from error
    return value if isinstance(value, dict) else {}


def _line(value: object) -> bytes:
    return f"{json.dumps(value, ensure_ascii=False)}\n".encode()


def json_text(value: object) -> str:
    """Return a value as a JSON file."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
