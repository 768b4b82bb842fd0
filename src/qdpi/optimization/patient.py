"""The program as an optimiser calls it: a failure that passes is waited out, as the product does."""

from __future__ import annotations

import asyncio
from typing import Any

import dspy

from qdpi.errors import ModelBusy, ModelFailed
from qdpi.program import QDPIProgram
from qdpi.retry import Backoff


class PatientProgram(QDPIProgram):
    """The program, which tries a failed cycle again: else a busy server would count against a candidate.

    `retries` is how often, `wait` for how many seconds in all a busy server is waited for.
    """

    def __init__(self, *given: Any, retries: int, wait: float, backoff: Backoff, **options: Any) -> None:
        super().__init__(*given, **options)
        self._retries, self._wait, self._backoff = retries, wait, backoff

    async def aforward(self, *given: Any, **options: Any) -> dspy.Prediction:
        """Run one cycle; see `QDPIProgram.aforward`."""
        failures, left = 0, self._wait
        while True:
            try:
                return await super().aforward(*given, **options)
            except ModelBusy as busy:
                if left <= 0:
                    raise
                pause = min(left, busy.retry_after)
                left -= max(pause, 0.1)
                await asyncio.sleep(pause)
            except ModelFailed as failure:
                failures += 1
                if not failure.passing or failures > self._retries:
                    raise
                await self._backoff.wait(failures)
