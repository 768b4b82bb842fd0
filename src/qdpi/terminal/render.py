"""Pages, journeys and lists as rich text of any width. No information is in the colours alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from qdpi.api.responses import (
    About,
    CanonShape,
    JourneyTree,
    JourneyView,
    PageView,
    Preview,
    ReceiptView,
    RunStatistics,
    SearchAnswer,
    SearchHit,
    Siblings,
    VaultView,
    VoiceEntry,
)
from qdpi.api.texts import marked_pieces
from qdpi.errors import QdpiError
from qdpi.events import PageDone, PageFailed
from qdpi.page_schema import Check, PageStatus
from qdpi.policy.preview import BehaviourPreview
from qdpi.symbols import CHARACTER_NAMES, PROFILES, Trajectory, decode_symbol, profile_of, symbol_name
from qdpi.terminal.printable import printable
from qdpi.terminal.reader import ActiveRun

LINE_WIDTH: Final = 72
"""The longest line of prose, in columns."""
TRAJECTORY_VERBS: Final = {
    Trajectory.CONTINUE: "goes on",
    Trajectory.LOOP: "loops back",
    Trajectory.FORK: "forks",
    Trajectory.DRIFT: "drifts",
}
PHASES: Final = {
    "queued": "waits its turn",
    "reading": "is being read for",
    "waiting": "waits for its model's server",
    "planning": "is being planned",
    "writing": "is being written",
    "checking": "is being checked",
    "binding": "is being bound",
}


def progress(phase: str, until: datetime | None = None) -> str:
    """Return what a page in the making does, and until when it waits, as the end of a sentence about it."""
    doing = PHASES.get(phase, phase)
    return f"{doing} until {until.astimezone():%H:%M:%S}" if until else doing


def plain(text: str, style: str = "") -> Text:
    """Return text from outside without control sequences."""
    return Text(printable(text.expandtabs(4)), style=style)


def short_id(page_id: str) -> str:
    """Return a page id as lists show it: for a generated page, the prefix that `go` accepts."""
    return page_id if page_id.startswith("S") else page_id[:8]


def page_view(page: PageView, canon: CanonShape | None) -> RenderableType:
    """Return a page: heading, prose, and a footing with its locus, its return and its model."""
    return Group(*_heading(page, canon), *prose(page.text), *_footing(page))


def frame_view(page: PageView) -> RenderableType:
    """Return a page without its prose, which was shown already."""
    return Group(Text(""), *_heading(page, None), *_footing(page))


def _heading(page: PageView, canon: CanonShape | None) -> Iterator[RenderableType]:
    character, _ = decode_symbol(page.symbol_code)
    section = canon.sections[page.section - 1] if canon else None
    color = section.color if section else ""
    dot = Text("● ", style=color if color.startswith("#") else "")
    yield dot + plain(page.title or page.page_id, "bold")
    said = [f"section {page.section}", CHARACTER_NAMES[character]]
    if page.placement is not None:
        said += [symbol_name(page.symbol_code), TRAJECTORY_VERBS[page.trajectory]]
    yield Text(" · ".join([*said, short_id(page.page_id)]), style="dim")
    yield Text("")


def prose(text: str) -> Iterator[RenderableType]:
    """Yield the paragraphs of a text, in a column of readable width."""
    for paragraph in text.splitlines():
        yield Constrain(plain(paragraph), LINE_WIDTH)
    yield Text("")


def _footing(page: PageView) -> Iterator[RenderableType]:
    if page.placement is None:
        return
    if page.status is PageStatus.STOPPED:
        yield Text("Stopped by its reader: the text so far.", style="italic")
    if page.user_intent:
        yield Constrain(plain(f"You asked: {page.user_intent}", "italic"), LINE_WIDTH)
    facts = [f"from {short_id(page.placement.locus)}", f"returns to {page.return_to}"]
    if page.model:
        facts.append(f"written by {printable(page.model)}")
    yield Text(" · ".join(facts), style="dim")
    if page.validation and not page.validation.passed:
        yield plain(f"Checks: {'; '.join(page.validation.reasons)}", "dim")
    if page.grown_from and page.grown_from.anchor != "same":
        yield Text(f"The canon page it was generated from was {page.grown_from.anchor} since.", style="dim")


def run_line(run: ActiveRun) -> Text:
    """Return what the run in progress is doing: its phase, its place in line, and how many words it has."""
    words = f", {len(run.text.split())} words" if run.text else ""
    behind = f" behind {run.place - 1} more" if run.phase == "queued" and run.place > 1 else ""
    return Text(f"The page {progress(run.phase, run.until)}{behind}{words}")


def still_line(run: ActiveRun) -> Text:
    """Return a line about a run that was under way when the session began."""
    asked = f" You asked: {' '.join(run.words.split())}" if run.words else ""
    return plain(f"A page is still being written; `stop` keeps its text so far.{asked}", "dim")


def failure_view(failed: PageFailed) -> RenderableType:
    """Return the message of a failed run."""
    return plain(f"No page: {failed.error.detail} {failed.error.next_step}", "italic")


def outcome_line(outcome: PageDone | PageFailed) -> Text:
    """Return a line about the outcome of a run that was started elsewhere."""
    if isinstance(outcome, PageFailed):
        return plain(f"A press elsewhere in this journey wrote no page: {outcome.error.detail}", "dim")
    return plain(f"A page was written elsewhere in this journey: {outcome.title} ({short_id(outcome.page_id)})", "dim")


def error_line(error: QdpiError) -> Text:
    """Return an error: the cause, and what to do."""
    return plain(str(error), "italic")


def journey_status(journey: JourneyView) -> str:
    """Return the journey's figures on one line."""
    debt = sum(branch.pages for branch in journey.branches)
    owed = f"{debt} page{'s' if debt != 1 else ''} owed" if debt else "nothing owed"
    return f"{journey.state.pages} written · {owed} · {journey.ttl} to a forced return"


def limits_line(journey: JourneyView, about: About) -> Text:
    """Return how much of the policy's limits a journey has used, over all sections."""
    limits = about.limits
    return Text(
        f"{journey.state.departures} of {limits.departures} departures · {journey.open_branches} branches open, "
        f"at most {limits.open_branches} in a section · a branch is at most {limits.branch_depth} pages deep",
        style="dim",
    )


def grid_view(preview: Preview) -> RenderableType:
    """Return the 16 by 16 symbols with the trajectory that each would take here, and the closed ones."""
    return Group(table_view(preview), Text(""), legend_view(preview))


def table_view(preview: Preview, at: tuple[int, int] | None = None) -> Table:
    """Return the grid alone; `at` is the character and behaviour of the marked cell."""
    table = Table(box=None, padding=(0, 0), pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True, min_width=2)
    for behaviour in preview.behaviours:
        table.add_column(behaviour.code, no_wrap=True, min_width=3, justify="center")
    for character in range(16):
        table.add_row(
            Text(f"{character:X} ", style="bold"),
            *(_cell(behaviour, at == (character, behaviour.behavior)) for behaviour in preview.behaviours),
        )
    return table


def _cell(behaviour: BehaviourPreview, marked_here: bool) -> Text:
    number = behaviour.given.value[1]
    return Text(f"[{number}]", style="bold reverse") if marked_here else Text(f" {number} ")


def legend_view(preview: Preview) -> RenderableType:
    """Return the legend of the grid, and which trajectories are closed here and why."""
    return Group(
        Text("0 goes on, 1 loops back, 2 forks, 3 drifts: what a press does here without words or a wish."),
        *(plain(line, "dim") for line in closed_lines(preview)),
        Text("Rows: " + ", ".join(f"{number:X} {name}" for number, name in CHARACTER_NAMES.items()), style="dim"),
        Text("Columns: " + ", ".join(f"{p.behavior:X} {p.code} {p.meaning}" for p in PROFILES), style="dim"),
    )


def closed_lines(preview: Preview) -> Iterator[str]:
    """Yield a line for each closed trajectory: why, and for which behaviours."""
    codes: dict[tuple[Trajectory, str], list[str]] = {}
    whys: dict[tuple[Trajectory, str], set[str]] = {}
    for behaviour in preview.behaviours:
        for closed in behaviour.closed:
            codes.setdefault((closed.trajectory, closed.rule), []).append(behaviour.code)
            whys.setdefault((closed.trajectory, closed.rule), set()).add(closed.why)
    for (trajectory, rule), closed_for in codes.items():
        why = whys[trajectory, rule]
        who = "all behaviours" if len(closed_for) == len(preview.behaviours) else " ".join(closed_for)
        yield f"{trajectory.value} {why.pop() if len(why) == 1 else f'is closed by the rule {rule}'} ({who})"


def symbol_view(preview: Preview, code: int, voices: Sequence[VoiceEntry]) -> RenderableType:
    """Return who would speak and what one symbol would do here, and why not otherwise."""
    character, behavior = decode_symbol(code)
    found = preview.behaviours[behavior]
    lines = [
        plain(f"0x{code:02X} {symbol_name(code)}: {CHARACTER_NAMES[character]}, {found.meaning}", "bold"),
        plain(voices[character].sentence, "italic"),
        plain(f"{found.given.value} {TRAJECTORY_VERBS[found.given]}. {' '.join(found.reasons)}"),
        *(plain(f"{each.trajectory.value} {each.why}", "dim") for each in found.closed),
    ]
    return Group(*lines)


def usual_lines(statistics: RunStatistics) -> Iterator[RenderableType]:
    """Yield what a page usually takes here, where pages were written already."""
    for newest in statistics.models[:1]:
        usual = newest.usual
        tokens = (
            ""
            if usual.completion_tokens is None
            else f", {(usual.prompt_tokens or 0) + usual.completion_tokens} tokens"
        )
        yield plain(f"A page usually takes {usual.seconds:.1f} s{tokens} ({newest.model}).", "dim")


def branches_view(journey: JourneyView) -> RenderableType:
    """Return the open branches and the pages they owe."""
    if not journey.branches:
        return Text(f"No branch is open. {journey_status(journey)}.")
    rows = [
        [
            short_id(branch.branch_id),
            f"section {branch.section}",
            f"{branch.pages} owed",
            f"returns to {branch.return_to}",
        ]
        for branch in journey.branches
    ]
    return Group(Text(f"{journey_status(journey)}."), columns(rows))


def pages_view(tree: JourneyTree, most: int) -> RenderableType:
    """Return the journey's newest outcomes, one a line."""
    if not tree.seq:
        return Text("Nothing is written yet.")
    earlier = [Text(f"{len(tree.seq) - most} earlier ones.", style="dim")] if len(tree.seq) > most else []
    return Group(*earlier, columns([_outcome_row(tree, n) for n in range(len(tree.seq))][-most:]))


def _outcome_row(tree: JourneyTree, n: int) -> list[str]:
    trajectory, symbol = tree.trajectory[n], tree.symbol[n]
    if trajectory is None or symbol is None:
        return [f"#{tree.seq[n]}", "–", f"no page: {tree.error[n]}", ""]
    stopped = ", stopped" if tree.status[n] == "stopped" else ""
    about = f"{symbol_name(symbol)}, {TRAJECTORY_VERBS[trajectory]}{stopped}"
    return [f"#{tree.seq[n]}", tree.title[n] or "–", about, short_id(tree.page_id[n] or "")]


def vault_view(vault: VaultView) -> RenderableType:
    """Return the saved pages."""
    if not vault.entries:
        return Text("The vault is empty: `save` keeps the page that is open.")
    rows = [[entry.label or "–", entry.title or "–", short_id(entry.page_id)] for entry in vault.entries]
    more = [Text(f"{vault.count} in all.", style="dim")] if vault.next else []
    return Group(columns(rows), *more)


def place_line(found: Siblings) -> Text:
    """Return a page's place among the pages at its locus."""
    return Text(f"{found.place or '–'} of {found.count} written at {short_id(found.locus)}", style="dim")


def siblings_view(found: Siblings) -> RenderableType:
    """Return the pages written at one locus."""
    if not found.siblings:
        return Text("Nothing was written here yet.")
    rows = [
        [
            f"{'*' if each.place == found.place else ' '}{each.place}/{found.count}",
            each.title,
            f"{symbol_name(each.symbol_code)}, {TRAJECTORY_VERBS[each.trajectory]}",
            short_id(each.page_id),
        ]
        for each in found.siblings
    ]
    return Group(Text(f"Written at {short_id(found.locus)}:"), columns(rows))


def search_view(found: SearchAnswer) -> RenderableType:
    """Return search hits, with the matches marked."""
    if not found.hits and not found.goto:
        return plain(f"Nothing is found for {found.q!r:.80}.")
    ways = [plain(f"go {short_id(way.page_id)}  {way.title}") for way in found.goto[:3]]
    hits = [part for hit in found.hits for part in _hit(hit)]
    return Group(*ways, Text(f"{found.total} found.", style="dim"), *hits)


def _hit(hit: SearchHit) -> Iterator[RenderableType]:
    where = f"  {short_id(hit.page_id)} · section {hit.section} · {hit.character_id}{' · saved' if hit.saved else ''}"
    yield plain(hit.title, "bold") + Text(where, style="dim")
    yield Padding(marked(hit.passage, hit.marks), (0, 0, 0, 2), expand=False)


def marked(passage: str, marks: Sequence[tuple[int, int]]) -> Text:
    """Return a passage with its hits marked, by style and by brackets."""
    return Text().join(
        plain(f"[{piece.text}]", "bold underline") if piece.marked else plain(piece.text)
        for piece in marked_pieces(passage, marks)
    )


def receipt_view(receipt: ReceiptView) -> RenderableType:
    """Return a page's receipt."""
    policy, calls = receipt.policy, receipt.calls
    rows = [
        ["pressed at", short_id(receipt.locus)],
        ["symbol", f"{symbol_name(receipt.symbol_code)} ({profile_of(receipt.symbol_code).meaning})"],
        ["leads", f"{receipt.trajectory.value} {TRAJECTORY_VERBS[receipt.trajectory]}"],
    ]
    if receipt.user_intent:
        rows.append(["you asked", printable(receipt.user_intent)])
    if policy is not None:
        wished = f", {policy.wished.value} was wished" if policy.wished else ""
        rows += [["rule", f"{policy.rule}{wished}"], *(["", reason] for reason in policy.reasons)]
    rows += [["drew on", f"{short_id(use.page_id)} ({use.kind})"] for use in receipt.sources]
    if saved := receipt.program:
        rows.append(["program", f"{printable(saved.name)} ({saved.sha256[:12]})"])
    rows += [["model", receipt.model or "–"], ["calls", f"{len(calls)}, {receipt.total_milliseconds / 1000:.1f} s"]]
    if receipt.tokens.completion is not None:
        rows.append(["tokens", f"{receipt.tokens.prompt or 0} read, {receipt.tokens.completion} written"])
    if receipt.validation is not None:
        passed = "passed" if receipt.validation.passed else "not passed"
        rows += [["checks", passed], *(["", _check_line(check)] for check in receipt.validation.checks)]
    return columns(rows)


def _check_line(check: Check) -> str:
    """Return a check in words; one of an earlier version says nothing where it passed."""
    mark = "?" if check.passed is None else "✓" if check.passed else "✗"
    told = printable(check.reason or " ".join(check.reasons))
    return f"{mark} {check.name}{': ' if told else ''}{told}"


def ring_view(canon: CanonShape, here: PageView | None) -> RenderableType:
    """Return the book's sections, with a mark at the open page's."""
    rows = [
        [
            f"{'*' if here and here.section == entry.section else ' '}{entry.section}",
            CHARACTER_NAMES[entry.character],
            entry.title or "–",
            f"{entry.pages} pages",
            entry.first_page,
        ]
        for entry in canon.sections
    ]
    return Group(plain(canon.title, "bold"), columns(rows))


def columns(rows: Sequence[Sequence[str]]) -> Table:
    """Return rows as a table whose columns fold where they do not fit."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for _ in rows[0]:
        table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*(plain(cell) for cell in row))
    return table
