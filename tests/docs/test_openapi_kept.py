"""Whatever it is asked, the service answers as its OpenAPI document says: Schemathesis asks, within it and without it.

No answer may be an error of ours, and each has a status, a type and a shape that the document names.
"""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from dev.stack.served import Served
from tests.chat.conftest import Pair, make_pairs

EXAMPLES = 12  # of each operation
KEPT = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]

document = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))


@pytest.fixture(scope="module")
def asked(serve: Callable[..., Served]) -> Served:
    return serve("asked", workers=1, with_scheduler=False, with_standin=False)


@pytest.fixture(scope="module")
def pairs(asked: Served) -> list[Pair]:
    return make_pairs(asked, sum(1 for _ in document.get_all_operations()))


@pytest.fixture
def pair(pairs: list[Pair]) -> Pair:
    """Theirs alone: some operations end everything."""
    return pairs.pop()


@document.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_those_of_the_document(case: schemathesis.Case, asked: Served, pair: Pair) -> None:
    if "room" in case.path_parameters:
        case.path_parameters["room"] = pair.room
    headers: dict[str, Any] = {"X-Client": "native", "Authorization": f"Bearer {pair.tokens[0]}"}

    response = case.call(base_url=asked.base_url, headers=headers, timeout=20)

    case.validate_response(response, checks=KEPT)
