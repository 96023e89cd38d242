"""What Django and DRF say by themselves reaches members in Korean, too. Our own texts: tests/dev/test_messages.py."""

import inspect

import pytest
from django.utils import translation
from rest_framework import exceptions, serializers

HANGUL = range(ord("가"), ord("힣") + 1)
FIELDS = [
    serializers.BooleanField,
    serializers.CharField,
    serializers.ChoiceField,
    serializers.IntegerField,
    serializers.ListField,
    serializers.RegexField,
    serializers.Serializer,
    serializers.URLField,
]


def is_korean(text: object) -> bool:
    return any(ord(letter) in HANGUL for letter in str(text))


def test_english_is_told_from_korean() -> None:
    with translation.override("en"):
        assert not is_korean(exceptions.NotFound.default_detail)


@pytest.mark.parametrize(
    "error",
    [each for each in vars(exceptions).values() if inspect.isclass(each) and hasattr(each, "default_detail")],
)
def test_errors_of_the_framework_are_korean(error: type[exceptions.APIException]) -> None:
    with translation.override("ko"):
        assert is_korean(error.default_detail)


@pytest.mark.parametrize("field", FIELDS)
def test_mistakes_in_a_field_are_told_in_korean(field: type[serializers.Field]) -> None:
    with translation.override("ko"):
        texts = [
            text for ancestor in field.__mro__ for text in getattr(ancestor, "default_error_messages", {}).values()
        ]

        assert [str(text) for text in texts if not is_korean(text)] == []
