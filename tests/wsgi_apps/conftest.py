"""The client of these tests."""

from collections.abc import Iterator

import pytest
from httpd import Httpd
from visitor import Visitor


@pytest.fixture
def visitor(httpd: Httpd) -> Iterator[Visitor]:
    with Visitor(httpd) as session:
        yield session
