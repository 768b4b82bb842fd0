"""The signatures of the four phases, and the last one again for a model that only continues prose.

A signature's docstring is the model's instruction; a field's description is its heading in the prompt.
"""

from __future__ import annotations

from typing import Any

import dspy

from qdpi.symbols import Trajectory


class ReadSignature(dspy.Signature):
    """X. Read one page of a novel closely. Say in two sentences what happens on it and in what mood."""

    symbol_code: int = dspy.InputField(desc="the page's symbol, 0 to 255")
    render: str = dspy.InputField(desc="the page's text")
    context: dict[str, Any] = dspy.InputField(desc="its section, its title and whose voice it is in")
    edges: dict[str, Any] = dspy.InputField(desc="where the page leads")
    summary: str = dspy.OutputField(desc="two sentences, present tense")
    hooks: list[str] = dspy.OutputField(desc="sentences that a next page could take up, at most three")


class IndexSignature(dspy.Signature):
    """Y. Index one page of a novel: the names, the recurring things, and the questions it leaves open."""

    text: str = dspy.InputField(desc="the page's text")
    entities: list[str] = dspy.OutputField(desc="people, places and named things, at most twelve")
    motifs: list[str] = dspy.OutputField(desc="recurring things and images, one or two words each, at most twelve")
    anchors: list[str] = dspy.OutputField(desc="questions that the page raises and does not answer, at most four")
    scores: dict[str, float] = dspy.OutputField(desc="novelty and coherence, each 0 to 1")


class AskSignature(dspy.Signature):
    """A. Plan the next page of a novel in three beats, one a line, each a thing that happens or is noticed.

    Name people and things from the page and the sources. Do not write the page itself. Give only the beats.
    """

    state: dict[str, Any] = dspy.InputField(desc="what the page says and holds")
    user_intent: str = dspy.InputField(desc="what the reader asks for; it chooses within the constraints")
    trajectory: Trajectory = dspy.InputField(desc="T0 goes on, T1 leads back, T2 forks to another section, T3 drifts")
    voice: dict[str, Any] = dspy.InputField(desc="whose voice writes the page")
    constraints: list[str] = dspy.InputField(desc="what the page must keep to")
    sources: list[str] = dspy.InputField(desc="passages of the novel to draw on")
    plan: str = dspy.OutputField(desc="three beats, one a line")


class ReceiveSignature(dspy.Signature):
    """Z. Write the next page of a novel: 130 to 260 words of finished prose in the voice given.

    Keep to the plan and the constraints. Invent; never repeat a sentence of the page or of the sources.
    No headings, no lists, no comment on the task: only the page.
    """

    render: str = dspy.InputField(desc="the page the reader stands on")
    plan: dict[str, Any] = dspy.InputField(desc="what the new page does")
    voice: dict[str, Any] = dspy.InputField(desc="whose voice writes the page")
    constraints: list[str] = dspy.InputField(desc="what the page must keep to")
    sources: list[str] = dspy.InputField(desc="passages of the novel to draw on")
    edges: dict[str, Any] = dspy.InputField(desc="where the new page will lead")
    validation: dict[str, Any] = dspy.InputField(desc="why an earlier draft was refused, to be mended")
    page_text: str = dspy.OutputField(desc="the page")


class ContinueSignature(dspy.Signature):
    """Continue the novel."""

    cue: str = dspy.InputField(desc="the prose to continue")
    page_text: str = dspy.OutputField(desc="the prose that follows")
