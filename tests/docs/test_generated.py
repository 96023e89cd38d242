"""What is generated must be what its source says today."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from config import env


def test_environment_table_is_what_the_list_of_variables_says() -> None:
    call_command("export_env", "--check")


def test_a_variable_more_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    more = env.Variable("NEW_ONE", env.text, "", "nobody wrote the table again")
    monkeypatch.setattr("config.management.commands.export_env.VARIABLES", [*env.VARIABLES, more])

    with pytest.raises(CommandError, match="export_env"):
        call_command("export_env", "--check")


def test_clients_constants_are_what_the_protocol_says() -> None:
    call_command("export_protocol", "--check", stdout=StringIO())


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    GENERATOR_STATS.reset()
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def test_openapi_is_valid_and_generated_without_a_warning(openapi: dict[str, Any]) -> None:
    validate_schema(openapi)
    assert openapi["openapi"].startswith("3.1.")
    assert not GENERATOR_STATS


def test_every_operation_says_what_it_answers(openapi: dict[str, Any]) -> None:
    silent = [
        f"{method} {path}"
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
        if not operation["responses"] or not operation.get("description", operation.get("summary"))
    ]

    assert silent == []


def test_a_delete_that_takes_a_body_shows_it(openapi: dict[str, Any]) -> None:
    with_body = [path for path, methods in openapi["paths"].items() if "requestBody" in methods.get("delete", {})]

    assert with_body == ["/api/v1/devices"]


def test_both_documents_are_served(client: Client) -> None:
    assert client.get("/docs/openapi.json").json()["openapi"].startswith("3.1.")
    assert client.get("/docs/asyncapi.json").json()["asyncapi"] == "3.0.0"
