"""The checks of a page's form, of what it copies, and of marks that belong on no page.

Definitions and default bounds were measured on a canon of 710 pages. Each book has its own bounds: `calibrate`
loosens those that the book's pages break, and the result is stored with the book.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Final, Literal, NamedTuple

import numpy as np

from qdpi.errors import InvalidInput
from qdpi.page_schema import Check
from qdpi.search.ngrams import COPY_GRAM, CanonGrams, longest_run
from qdpi.search.text import FUNCTION_WORDS, cased_words, sentences, words

CHECKS_VERSION = "checks/1"
TOLERATED = 0.02
"""The share of a book's own pages that may break one bound before it is loosened for the book."""
LOOSENED_TO = 0.99
"""The share of a book's own pages that pass a loosened bound."""

_NON_PROSE = re.compile(
    r"""
    [^\w\s.,;:!?'"‘’“”„«»¿¡()\[\]—–‑\-…] | _
    | ^[ \t]*(?:[-–]|\d+[.)])[ \t]   # the mark of a list's item
    """,
    re.MULTILINE | re.VERBOSE,
)
_BOILERPLATE = re.compile(
    r"""
    \bas\ an?\ (?:ai|a\.i\.|artificial\ intelligence|(?:large\ )?language\ model|(?:ai|virtual)\ assistant)\b
    | \bi(?:'m|\ am)\ (?:just\ |only\ )?an?\ (?:ai|(?:large\ )?language\ model)\b
    | \bi(?:'m|\ am)\ (?:sorry|afraid),?\ (?:but\ )?i\ (?:cannot|can't|am\ unable|am\ not\ able|'m\ unable)
    | \bi\ (?:cannot|can't|will\ not|won't|am\ unable\ to|am\ not\ able\ to)
      \ (?:fulfill?|comply\ with|assist\ with|help\ with)\ (?:that|this|your|the|such)\b
    | \b(?:my|your)\ (?:training\ data|knowledge\ cutoff|system\ prompt)\b
    | \bi\ hope\ this\ (?:helps|meets\ your)\b
    | \blet\ me\ know\ if\ you(?:'d|\ would)?\ (?:like|need|want|have\ any)\b
    | \A\W*(?:sure|certainly|absolutely|of\ course)\W+here(?:'s|\ is|\ are)\b
    | \A\W*here(?:'s|\ is)\ (?:the|a|an|your|my)\ (?:\w+\ ){0,2}
      (?:page|story|continuation|version|rewrite|text)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)

_HTML: Final = (
    "a|abbr|b|big|blockquote|br|center|cite|code|div|em|font|h[1-6]|hr|i|li|mark|ol|p|pre|q|small|span|strike|strong"
    "|sub|sup|table|tbody|td|th|tr|tt|u|ul"
)
"""Elements of HTML that set type: no control tokens, whatever else is to be said of them on a page."""
_FOREIGN = re.compile(
    r"<[|｜][^\n<>]{0,80}[|｜]?>?"
    r"|(?:<\w{1,40})?[|｜]>|</?\w{1,40}[|｜]\w{1,40}>"
    r"|\[\|[^\n\[\]]{0,80}\|?\]?|\|\]"
    r"|◁[^\n▷]{0,80}▷?|▷"
    r"|<<\s?/?[A-Za-z_][\w/-]{0,40}\s?>>"
    rf"|<\s{{0,2}}/?\s{{0,2}}(?!(?:{_HTML})\b)[A-Za-z_][\w:.-]{{0,60}}"
    r"(?:\s[^<>=\n]{1,60}=[^<>\n]{1,200})?\s{0,2}/?\s{0,2}>"
    r"|＜[^＞\n]{1,80}＞"
    r"|&lt;\s{0,2}/?[\w:.-]{1,60}\s{0,2}/?&gt;"
    r"|<0x[0-9A-Fa-f]{2}>|<!--|<!\[CDATA\["
    r"|\[/?[A-Za-z][A-Za-z0-9]{0,20}_[A-Za-z0-9_]{1,40}\]|\[/[A-Za-z_]{2,40}\]"
    r"|【[^】\n]{0,40}†[^】\n]{0,40}】|▁|Ċ|(?<=\w)Ġ"
    r"|\{\{\s{0,3}\w[^{}\n]{0,80}\}\}|\{%[^{}\n]{1,80}%\}"
    r"|\[\[ ##|(?i:^#{2,4} ?(?:response|instruction|input|assistant|user|human)\b|\[/?INST\])",
    re.MULTILINE,
)
_ABOUT_THE_TASK = re.compile(
    r"\A\W{0,4}(?:[\w'’]+[,.\s]+){0,6}(?:the\ (?:user|prompt))(?:'s|’s)?\s"
    r"(?:wants?|asks?|asked|is\ (?:asking|requesting)|says|requests?|needs|provided|request|instructions?)\b",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The bounds of the checks for one book. Shares are 0..1 and a bound itself passes."""

    min_words: int = 60
    max_words: int = 600
    max_repeated_4grams: float = 0.10
    min_zlib_ratio: float = 0.34
    max_sentence_repeats: int = 2
    max_non_prose: float = 0.015
    max_capitals: float = 0.03
    min_function_words: float = 0.34
    max_function_words: float = 0.64
    min_known_bigrams: float = 0.40
    max_shared_8grams: float = 0.20
    max_copied_run: int = 40
    version: str = CHECKS_VERSION

    def as_dict(self) -> dict[str, int | float | str]:
        """Return the bounds as a JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Thresholds:
        """Return the bounds of a stored row. Raises `InvalidInput` where a field is missing, unknown or mistyped."""
        names = {field.name for field in fields(cls)}
        if names != stored.keys():
            raise InvalidInput(f"The fields of stored thresholds differ: {sorted(names ^ stored.keys())}.")
        wrong = sorted(name for name, value in stored.items() if not _fits(value, getattr(cls(), name)))
        if wrong:
            raise InvalidInput(f"Stored thresholds have fields of a wrong type: {wrong}.")
        return cls(**stored)  # type: ignore[arg-type]  # names and types were compared above


def _fits(value: object, default: object) -> bool:
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is type(default)


class _Bound(NamedTuple):
    measure: str
    side: Literal["min", "max"]
    says: str

    @property
    def field(self) -> str:
        return f"{self.side}_{self.measure}"

    def of(self, thresholds: Thresholds) -> float:
        return float(getattr(thresholds, self.field))

    def reason(self, value: float, bound: float) -> str | None:
        if bound <= value if self.side == "min" else value <= bound:
            return None
        side = "at least" if self.side == "min" else "at most"
        return f"{self.says} is {value:.4g}; the bound is {side} {bound:.4g}."


_FORM = (
    _Bound("words", "min", "The number of words"),
    _Bound("words", "max", "The number of words"),
    _Bound("repeated_4grams", "max", "The share of repeated runs of four words"),
    _Bound("zlib_ratio", "min", "The size after compression, as a share of the text's,"),
    _Bound("sentence_repeats", "max", "The number of times that one sentence occurs on the page"),
    _Bound("non_prose", "max", "The share of characters that do not belong in prose"),
    _Bound("capitals", "max", "The share of words in capitals"),
    _Bound("function_words", "min", "The share of function words"),
    _Bound("function_words", "max", "The share of function words"),
    _Bound("known_bigrams", "min", "The share of pairs of words that the book knows"),
)
_COPY = (
    _Bound("shared_8grams", "max", "The share of runs of eight words taken from the book or the prompt"),
    _Bound("copied_run", "max", "The longest run of words taken from the book or the prompt"),
)


def _repeated(grams: Sequence[tuple[str, ...]]) -> float:
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0


def _share(count: int, total: int) -> float:
    return count / total if total else 0.0


def measure_form(text: str, grams: CanonGrams, *, held_out: bool = False) -> dict[str, float]:
    """Return the measures of a page's form, by the names of the bounds; `held_out` as in `CanonGrams`."""
    text = unicodedata.normalize("NFC", text)
    page, raw = words(text), text.encode("utf-8", "surrogatepass")
    cased = cased_words(text)
    repeats = Counter(" ".join(words(sentence)) for sentence in sentences(text))
    return {
        "words": float(len(page)),
        "repeated_4grams": _repeated(list(zip(page, page[1:], page[2:], page[3:], strict=False))),
        "zlib_ratio": _share(len(zlib.compress(raw)), len(raw)),
        "sentence_repeats": float(max(repeats.values(), default=0)),
        "non_prose": _share(len(_NON_PROSE.findall(text)), len(text)),
        "capitals": _share(sum(len(word) > 1 and word.isupper() for word in cased), len(cased)),
        "function_words": _share(sum(word in FUNCTION_WORDS for word in page), len(page)),
        "known_bigrams": grams.known_bigrams(page, held_out=held_out),
    }


def _judge(
    name: str,
    measures: dict[str, float],
    bounds: Iterable[_Bound],
    thresholds: Thresholds,
    kept: str,
    also: tuple[str, ...] = (),
) -> Check:
    found = [bound.reason(measures[bound.measure], bound.of(thresholds)) for bound in bounds]
    reasons = (*(reason for reason in found if reason), *also)
    broken = sum(reason is not None for reason in found) + bool(also)
    return _verdict(name, reasons, kept, measures, 1 - broken / (len(found) + 1))


def _verdict(
    name: str, reasons: tuple[str, ...], kept: str, measures: dict[str, float], score: float | None = None
) -> Check:
    """Return a check of bounds: its score is the share of them that the page keeps, and all must be kept."""
    return Check(
        name=name,
        passed=not reasons,
        score=round(score if score is not None else float(not reasons), 4),
        threshold=1.0,
        reason=" ".join(reasons) or kept,
        reasons=reasons,
        measures=measures,
    )


def check_form(text: str, thresholds: Thresholds, grams: CanonGrams, *, held_out: bool = False) -> Check:
    """Check that a page reads as prose of this book: length, repetition, noise, lists, an assistant's phrases.

    `held_out` says that the text is itself a page of the canon behind `grams`.
    """
    phrases = [match.group().strip() for match in _BOILERPLATE.finditer(text.replace("’", "'"))]
    measures = measure_form(text, grams, held_out=held_out) | {"boilerplate": float(len(phrases))}
    also = tuple(f'The page speaks as an assistant: "{phrase}"; remove such phrases.' for phrase in phrases)
    kept = "The page has the form of the book's prose."
    return _judge("form", measures, _FORM, thresholds, kept, also[:3])


def check_copy(
    text: str,
    thresholds: Thresholds,
    grams: CanonGrams,
    extra: Sequence[str] = (),
    *,
    held_out: bool = False,
) -> Check:
    """Check how much a page shares word for word with the canon and with the `extra` texts.

    `extra` are texts the model was shown beside the canon (few-shot turns, a generated locus). A page
    of fewer than eight words shares nothing by this measure; `check_form` refuses it for its length.
    """
    flags = grams.copied(words(text), extra=extra, held_out=held_out)
    run = longest_run(flags)
    measures = {
        "shared_8grams": _share(int(flags.sum()), len(flags)),
        "copied_run": float(run + COPY_GRAM - 1 if run else 0),
    }
    kept = f"{measures['shared_8grams']:.0%} of its runs of eight words are taken from the book or the prompt."
    return _judge("copy", measures, _COPY, thresholds, kept)


def foreign_marks(text: str) -> list[str]:
    """Return everything in `text` that has the shape of a control token, in its order."""
    return [found.group().strip() for found in _FOREIGN.finditer(text)]


def check_marks(text: str) -> Check:
    """Check that a page contains nothing of the shape of a control token, and does not begin as a thought."""
    marks = foreign_marks(text)
    thought = _ABOUT_THE_TASK.match(text)
    reasons = [
        f'The page contains "{mark}", which looks like a control token; remove it.' for mark in dict.fromkeys(marks)
    ]
    if thought:
        reasons.append(
            f'The page begins as a thought about the task: "{thought.group().strip()}"; write only the page.'
        )
    kept = "Nothing on the page looks like a control token or a thought about the task."
    return _verdict("marks", tuple(reasons[:3]), kept, {"control_tokens": float(len(marks))})


def calibrate(pages: Iterable[str], grams: CanonGrams | None = None) -> Thresholds:
    """Return the bounds for one book, from its own pages, each measured against the rest of the book.

    A bound of form that more than 2 % of the pages break is loosened to the value that 99 % of them
    keep; no bound is ever tightened. The copy bounds stay as they are, for they do not depend on a book's
    style. Raises `InvalidInput` for a book without pages.
    """
    texts = list(pages)
    if not texts:
        raise InvalidInput("The checks cannot be calibrated on a book without pages.")
    known = grams or CanonGrams.build(texts)
    rows = [measure_form(text, known, held_out=True) for text in texts]
    fitted = {bound.field: _fitted(bound, [row[bound.measure] for row in rows]) for bound in _FORM}
    return replace(Thresholds(), **fitted)  # type: ignore[arg-type]  # fields keep their types


def _fitted(bound: _Bound, measured: list[float]) -> int | float:
    default: int | float = getattr(Thresholds(), bound.field)
    values = np.array(measured)
    lower = bound.side == "min"
    broken = float((values < default).mean() if lower else (values > default).mean())
    if broken <= TOLERATED:
        return default
    share = 1 - LOOSENED_TO if lower else LOOSENED_TO
    return type(default)(np.quantile(values, share, method="lower" if lower else "higher"))
