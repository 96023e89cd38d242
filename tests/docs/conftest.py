from collections.abc import Callable

import pytest

from dev.stack.served import Served


@pytest.fixture(scope="session")
def docs_service(serve: Callable[..., Served]) -> Served:
    """An application of its own: its examples move the round, which others would notice. They do it themselves."""
    return serve("docs", workers=1, with_scheduler=False)
