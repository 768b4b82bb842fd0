"""The last session of each gateway, in a file readable by its owner only, because a session id is a capability."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qdpi.errors import InvalidSetting

LOCAL: Final = "here"
"""The key of the gateway that `qdpi read` starts in its own process."""
_OWNER_ALONE: Final = 0o600


@dataclass(frozen=True, slots=True)
class SavedSessions:
    """Session ids by the address of their gateway."""

    file: Path

    def session_of(self, address: str) -> str | None:
        """Return the last session at an address, None if there is none."""
        return self._all().get(address)

    def keep(self, address: str, session_id: str) -> None:
        """Store the session of an address. The file is replaced atomically, with access for its owner only."""
        sessions = self._all() | {address: session_id}
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE), "w") as file:
            json.dump(sessions, file, indent=1)
        beside.replace(self.file)

    def _all(self) -> dict[str, str]:
        """Return all stored sessions. Raises `InvalidSetting` for a malformed file."""
        try:
            kept = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise self._unreadable(str(error)) from error
        if not isinstance(kept, dict) or not all(isinstance(each, str) for each in kept.values()):
            raise self._unreadable("it contains something other than session ids")
        return kept

    def _unreadable(self, cause: str) -> InvalidSetting:
        return InvalidSetting(
            f"The sessions in {self.file} cannot be read: {cause}.",
            next_step="Repair or remove the file; without it a new journey begins.",
        )
