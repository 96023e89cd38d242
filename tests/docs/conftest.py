from collections.abc import Callable

import pytest

from dev.stack.served import Served


@pytest.fixture(scope="session")
def docs_service(serve: Callable[..., Served]) -> Served:
    """An application of its own: the guide's examples move the round, which other tests would notice."""
    served = serve("docs", workers=1, with_scheduler=False)
    served.manage("seed_demo")
    return served
