"""Loading DSPy when it is first needed."""

from __future__ import annotations

import logging
import os
from types import ModuleType


def load_dspy() -> ModuleType:
    """Import DSPy (half a second and 60 MB at the first call), set up not to fetch prices from the network."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import dspy

    # DSPy warns of every page cut at the token limit; the completion's finish_reason already says so.
    logging.getLogger("dspy.clients.lm").setLevel(logging.ERROR)
    return dspy  # type: ignore[no-any-return]
