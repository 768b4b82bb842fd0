import pytest

from qdpi.canon import own_book
from qdpi.editing import edition_of
from qdpi.edition import Edition


@pytest.fixture(scope="session")
def edition() -> Edition:
    return edition_of(own_book())
