"""Who writes, in a sentence: told from the model's name, which every page carries."""

from __future__ import annotations

from typing import Final

from qdpi.api.responses import Writer, WriterKind

OFFLINE: Final = "offline"
"""The name of the offline writer on its pages."""
_LOCAL: Final = "local/"
_LABELS: Final = {
    WriterKind.OFFLINE: "The offline writer, which is no language model: it fits sentences of its own round the "
    "book's words.",
    WriterKind.LOCAL: "A small language model on the server's own machine ({name}): the voice, and not much sense.",
    WriterKind.HOSTED: "A language model, {name}.",
}
_UNKNOWN: Final = "Not known to this gateway yet; every page names the model that wrote it."


def writer_of(model: str | None) -> Writer:
    """Return the writer of a model's name, None for an unknown one."""
    if not model:
        return Writer(model=None, kind=None, label=_UNKNOWN)
    kind = kind_of(model)
    return Writer(model=model, kind=kind, label=_LABELS[kind].format(name=model.removeprefix(_LOCAL)))


def kind_of(model: str) -> WriterKind:
    """Return the kind of writer that a model's name stands for."""
    if model == OFFLINE:
        return WriterKind.OFFLINE
    return WriterKind.LOCAL if model.startswith(_LOCAL) else WriterKind.HOSTED
