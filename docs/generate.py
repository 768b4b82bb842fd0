"""Write the pages of the documentation that are made from the code: `make docs`.

A test runs `pages()` and holds what is committed against it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from qdpi.asyncapi import document_json
from qdpi.events import TOPICS, Press, TopicSpec, headers_of
from qdpi.glyphs import glyph_sprite
from qdpi.settings import SETTINGS

HERE = Path(__file__).parent
SPRITE = HERE.parent / "src" / "qdpi" / "web" / "glyphs.svg"
"""The one file beside the documentation that is made from the code: the glyphs of the reader's page."""


def pages() -> dict[str, str]:
    """Return the generated pages, by file name."""
    return {
        "configuration.md": configuration(),
        "events.md": events(),
        **commands(),
        "http.md": routes(),
        "openapi.json": json.dumps(openapi(), ensure_ascii=False, indent=2) + "\n",
        "asyncapi.json": document_json().decode(),
    }


def configuration() -> str:
    """Return the page of the settings, from their table."""
    rows = [
        f"| `{s.variable}` | `--{s.name.replace('_', '-')}` | {s.kind} | {_default(s)} | {s.help} |" for s in SETTINGS
    ]
    return _page(
        "Configuration",
        "Every setting is an environment variable.\n\n"
        "- `qdpi run` and `qdpi doctor` have a flag of the same name for each. Other commands have flags for those "
        "that they use most, and read the rest from the variables.\n"
        "- A command that uses the bus has `--kafka-brokers`, one that uses the store `--cassandra-hosts`. Both have "
        "`--data-dir`.\n"
        "- A flag wins over its variable. An empty variable counts as unset.\n"
        "- A wrong value is refused at the start, with the variable, its value and what it may be.\n"
        "- Secrets are never logged, printed, or put into an answer, an event or a receipt. A password within an "
        "address counts as a secret.",
        ["| variable | flag | kind | default | meaning |", "|---|---|---|---|---|", *rows],
    )


def _default(setting: Any) -> str:
    return f"`{setting.default}`" if setting.default else "unset"


def events() -> str:
    """Return the page of the topics and events, from their models."""
    return _page(
        "Events and topics",
        "Events are JSON. Consumers keep unknown fields and pass them on.\n\n"
        "- Every event has `event_id`, `ts` (ISO-8601, UTC), `session_id`, `schema_version` and `cause_id`, the event "
        "that caused it.\n"
        "- Ids are UUIDv5 in the namespace `192cdf3d-fe88-5266-aa81-ffac34bb38e6`, which is "
        "`uuid5(NAMESPACE_URL, \"urn:gibsey:qdpi\")`. A request's id is derived from its press's `event_id`, and a "
        "page's from its request's. So a repeated event produces the same ids.\n"
        "- An `offset` of a piece of text counts Unicode code points, and so do the `marks` of search hits: not bytes, "
        "and not UTF-16 units as JavaScript's strings do. The package has test vectors for programs in other "
        "languages: `qdpi/text_vectors.json`, deltas with the text that they give and passages with their marks; "
        "`qdpi/journey_vectors.json`, outcomes with the state that they fold to.\n"
        "- The headers are " + ", ".join(f"`{name}`" for name in _header_names()) + ". Each is present where its "
        "value is known.\n\n"
        "[asyncapi.json](asyncapi.json) describes the same for programs, as AsyncAPI 3.0: schemas, keys, examples, "
        "senders and receivers. A gateway serves it at `/asyncapi.json`.",
        [line for spec in TOPICS.values() for line in _topic(spec)],
    )


def _header_names() -> list[str]:
    names = {
        "x-character": "",
        "x-section": "",
        "x-symbol": "",
        "x-orientation": "",
        "x-provenance": "",
        "x-trajectory": "",
    }
    press = Press.model_construct(event_id="e", session_id="s", symbol_code=0, page_id=None, trajectory=None)
    names |= {name: "" for name, _ in headers_of(press, "00-0-0-01")}
    return sorted(names)


def _topic(spec: TopicSpec) -> Iterator[str]:
    lines = (spec.model.__doc__ or "").strip().splitlines()
    yield f"## `{spec.name}`"
    yield ""
    yield f"`{spec.model.__name__}`: " + " ".join(line.strip() for line in lines if line.strip())
    yield ""
    kept = f"kept {_duration(spec.retention)}" + (", compacted" if spec.compact else "")
    durable = "An acknowledged publish is on disk." if spec.durable else "Its events can be derived again."
    yield f"Key `{spec.key}`, {kept}, records up to {spec.max_bytes >> 20} MiB. {durable}"
    yield ""
    yield "| field | type | default |"
    yield "|---|---|---|"
    yield from (f"| `{name}` | {kind} | {default} |" for name, kind, default in _fields(spec.model))
    yield ""


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    schema = model.model_json_schema()
    for name, about in schema["properties"].items():
        default = "required" if name in schema.get("required", []) else f"`{about.get('default')!r}`"
        yield name, _kind(about), default


def _kind(about: dict[str, Any]) -> str:
    if "anyOf" in about:
        return " or ".join(_kind(option) for option in about["anyOf"])
    if "$ref" in about:
        return f"`{about['$ref'].rpartition('/')[2]}`"
    if "enum" in about:
        return " or ".join(f"`{value}`" for value in about["enum"])
    kind = str(about.get("type", "any"))
    return f"{kind} ({about['format']})" if "format" in about else kind


def _duration(seconds: int) -> str:
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}{'s' if seconds // size > 1 else ''}"
    return f"{seconds} seconds"


def commands() -> dict[str, str]:
    """Return the index of the commands and a page for each, from their own help, by file name."""
    from qdpi.cli import cli

    context = click.Context(cli, info_name="qdpi", terminal_width=90, **cli.context_settings)
    found = {name: command for name in cli.list_commands(context) if (command := cli.get_command(context, name))}
    rows = [
        f"| [`qdpi {name}`](commands/{name}.md) | {command.get_short_help_str(limit=200)} |"
        for name, command in found.items()
    ]
    index = _page(
        "Commands",
        "Each command has a page, which shows what `qdpi COMMAND --help` prints. `qdpi --version` prints the version. "
        "Settings are environment variables "
        "with flags of the same names: see [configuration](configuration.md).",
        ["| command | what it does |", "|---|---|", *rows],
    )
    return {"commands.md": index} | {
        f"commands/{name}.md": _command(command, name, context) for name, command in found.items()
    }


def _command(command: click.Command, name: str, parent: click.Context) -> str:
    about = f"What `qdpi {name} --help` prints. [All commands](../commands.md)"
    first, *parts = _helps(command, name, parent)
    lines = first[1] + [line for title, lines in parts for line in (f"## `qdpi {title}`", "", *lines)]
    return _page(f"`qdpi {name}`", about, lines)


def _helps(command: click.Command, name: str, parent: click.Context) -> list[tuple[str, list[str]]]:
    """Return a command's help and those of its subcommands, each with the words that call it."""
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent)
    helps = [(name, ["```text", command.get_help(context), "```", ""])]
    if isinstance(command, click.Group):
        for part in command.list_commands(context):
            inner = command.get_command(context, part)
            if inner is not None:
                helps += _helps(inner, f"{name} {part}", context)
    return helps


def routes() -> str:
    """Return the page of the HTTP paths, from the OpenAPI document."""
    rows = [
        f"| `{method.upper()}` | `{path}` | {about.get('summary', '')} |"
        for path, methods in openapi()["paths"].items()
        for method, about in methods.items()
    ]
    rows.append("| WebSocket | `/api/v1/event/ws` | The stream's frames as JSON, and presses, asks and stops |")
    return _page(
        "HTTP",
        "The paths of the gateway. [openapi.json](openapi.json), which a gateway serves at `/openapi.json`, describes "
        "them in full, with request and response bodies. [sessions.md](sessions.md) explains sessions, limits, the "
        "`at` parameter, the vault and search. [client.md](client.md) describes the Python client. Errors are RFC 9457 "
        "problem details: `code` is for programs, `detail` has the value and the cause, and `next_step` says what to "
        "do. `http_request_id` names an HTTP request, `request_id` a run.\n\n"
        "- Answers to `GET` of 1 KB and more are compressed with gzip for clients that accept it. Event streams, "
        "answers to `POST`, and files that are archives already are not.\n"
        "- An answer with an `ETag` is sent again only if it has changed: give the `ETag` back as `If-None-Match`. "
        "ETags are weak, and the same with and without compression.\n"
        "- The files of the page are at `/web/VERSION/…`, where the version is a hash of all of them. A browser may "
        "keep them for ever; the pages, which name the version, are revalidated at each visit. After an upgrade "
        "a gateway answers the old version with 404: load the page again. The colours of the book's voices are at "
        "`/web-book/VERSION/voices.css`.\n"
        "- `/`, `/p/PAGE`, `/s/SECTION`, `/ring`, `/find` and `/about` answer with HTML that reads without a script. "
        "A page that was written for a reader, `/vault` and `/at/SEQ` answer with the shell alone: they belong to a "
        "session, which is no part of an address, so the page's script asks for them. Their refusals are pages too; a "
        "path of nothing is a page for clients that accept `text/html`, and a problem for all others.\n"
        "- Every answer has a policy for browsers: no script and no style but the server's own files, no text made a "
        "script (Trusted Types), no other host, no frame around it, no camera, microphone or place, no referrer.\n"
        "- The document has the pattern or the bounds of every parameter. With `QDPI_SECRET` a gateway's own document "
        "describes signed session ids.\n"
        "- `HEAD` works wherever `GET` does. For the event stream it opens no stream. A 405 names all methods of the "
        "path in `Allow`.\n"
        "- An empty `Last-Event-ID` or `after` counts as none. The WebSocket's path answers a request without upgrade "
        "with 426.\n"
        "- Under a sub-path of a proxy (`QDPI_ROOT_PATH`) all paths are the same below it: see "
        "[operations.md](operations.md#behind-a-proxy).",
        ["| method | path | what it does |", "|---|---|---|", *rows],
    )


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document of the gateway; nothing is opened for it."""
    import tempfile

    from qdpi.bootstrap import build_system
    from qdpi.gateway.app import create_app
    from qdpi.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        return create_app(build_system(Settings(data_dir=Path(folder)))).openapi()


def _page(title: str, about: str, lines: list[str]) -> str:
    body = "\n".join(line.rstrip() for line in "\n".join(lines).splitlines())
    return f"# {title}\n\n{about}\n\n{body.rstrip()}\n\n<!-- Made by docs/generate.py: `make docs`. -->\n"


if __name__ == "__main__":
    generated = pages()
    for old in (HERE / "commands").glob("*.md"):
        if f"commands/{old.name}" not in generated:
            old.unlink()
    for file, text in generated.items():
        (HERE / file).parent.mkdir(exist_ok=True)
        (HERE / file).write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote docs/{file}\n")
    SPRITE.write_text(glyph_sprite(), encoding="utf-8")
    sys.stdout.write("wrote src/qdpi/web/glyphs.svg\n")
