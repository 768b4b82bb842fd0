"""The one place that brings in DSPy."""

from __future__ import annotations

import logging
import os
from types import ModuleType


def load_dspy() -> ModuleType:
    """Import DSPy (half a second, 60 MB, when first called) so that it never asks the network for prices."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import dspy

    # It warns of every page that ends at the limit of tokens; that is in the completion's finish_reason.
    logging.getLogger("dspy.clients.lm").setLevel(logging.ERROR)
    return dspy  # type: ignore[no-any-return]
