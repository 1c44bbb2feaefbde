"""One development server for all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration import servers


@pytest.fixture(scope="session")
def tertulia_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Tertulia]:
    """``tertulia dev``."""
    with servers.tertulia_dev(tmp_path_factory.mktemp("server")) as started:
        yield started
