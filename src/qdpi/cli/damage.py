"""How the findings of a repair are told, each as it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import click

from qdpi.cli.output import line, table
from qdpi.repair.findings import RepairResult
from qdpi.terminal.printable import printable


class Report:
    """Tells findings on standard output. `amiss` counts those that are not mended."""

    def __init__(self, as_json: bool, apply: bool) -> None:
        self._as_json, self._apply = as_json, apply
        self._kinds: Counter[tuple[str, str]] = Counter()
        self.amiss = 0

    def tell(self, mended: RepairResult) -> None:
        """Tell a finding."""
        self._kinds[mended.finding.name, mended.finding.remedy.words] += 1
        self.amiss += not mended.mended
        click.echo(line(_as_dict(mended)) if self._as_json else printable(_as_line(mended, self._apply)))

    def close(self, journeys: int, in_flight: int, page_events: int | None) -> None:
        """Tell what it came to."""
        found = self._kinds.total()
        told = {
            "journeys": journeys,
            "found": found,
            "mended": found - self.amiss,
            "in_flight": in_flight,
            "page_events": page_events,
        }
        click.echo(line(told) if self._as_json else "\n".join([*self._remedies(), _summary(told, self._apply)]))

    def _remedies(self) -> list[str]:
        rows = [(name, str(times), words) for (name, words), times in self._kinds.items()]
        return ["", *table(("name", "found", "what is done"), rows), ""] if rows else []


def _as_dict(mended: RepairResult) -> dict[str, Any]:
    remedy = mended.finding.remedy
    return {
        **mended.finding._asdict(),
        "remedy": remedy.words,
        "can_be_mended": remedy.mends,
        "mended": mended.mended,
        "cause": mended.cause or None,
    }


def _as_line(mended: RepairResult, apply: bool) -> str:
    found = mended.finding
    state = ("mended " if mended.mended else "LEFT   ") if apply else ""
    whose = f"journey {found.journey}, " if found.journey else ""
    cause = f"; it cannot be mended: {mended.cause}" if mended.cause else ""
    return f"{state}{found.name}: {whose}{found.place}: {found.detail}{cause}"


def _summary(told: Mapping[str, Any], apply: bool) -> str:
    journeys = f"{told['journeys']} journey{'s' * (told['journeys'] != 1)}"
    findings = f"{told['found']} finding{'s' * (told['found'] != 1)}"
    if not told["found"]:
        words = f"Nothing is amiss in {journeys}."
    elif apply:
        words = f"{told['mended']} of {findings} in {journeys} mended."
    else:
        words = f"{findings} in {journeys}. Nothing was changed: --apply mends what can be."
    if told["in_flight"]:
        words += f" Left to those whose work they are: {told['in_flight']} in flight."
    if told["page_events"] is not None:
        words += f" Published again: the status of {told['page_events']} pages."
    return words
