"""The parts of the page store's behaviour suite, one for each port; `tests.contract.page_store_suite` joins them."""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{part}" for part in ("outcomes", "pages", "log", "canon", "index", "vault"))
)
