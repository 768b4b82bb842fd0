"""The report of counterfactual runs: one HTML file, no script, and all text escaped. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qdpi.counterfactual.columns import headline
from qdpi.counterfactual.compare import (
    ComparedPress,
    differences_in_words,
    facts_in_words,
    total_in_words,
    totals,
)
from qdpi.evaluation.report import templates


def report(described: str, notes: Sequence[str], journeys: Mapping[str, Sequence[ComparedPress]]) -> str:
    """Return the report. `described` is the variant, `journeys` are the compared presses by the journey's name."""
    template = templates("qdpi.counterfactual").get_template("counterfactual.html")
    return template.render(
        described=described,
        notes=notes,
        journeys={name: (totals(presses), presses) for name, presses in journeys.items()},
        headline=headline,
        differences=differences_in_words,
        total=total_in_words,
        facts=facts_in_words,
    )
