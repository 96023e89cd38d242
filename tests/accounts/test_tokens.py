import time

import jwt
import pytest
from django.core import signing
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import tokens
from accounts.tokens import AccessToken, InvalidToken


def test_access_token_says_who_and_on_which_device(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    token, seconds = tokens.issue_access(2**53 - 1, 7, language="en")

    access = tokens.read_access(token)

    assert seconds == 900
    assert access == AccessToken(
        member=2**53 - 1,
        session=7,
        issued_at=access.issued_at,
        expires_at=int(access.issued_at) + 900,
        language="en",
    )


def test_access_token_tells_the_time_to_less_than_a_millisecond() -> None:
    token, _ = tokens.issue_access(1, 1, issued_at=1_900_000_000.123456)

    assert tokens.read_access(token).issued_at == 1_900_000_000.123456


def test_access_token_of_a_host_whose_clock_is_ahead_is_taken() -> None:
    token, _ = tokens.issue_access(1, 1, issued_at=time.time() + 5)

    assert tokens.read_access(token).member == 1


def test_expired_access_token_is_refused(settings: Settings) -> None:
    settings.ACCESS_TOKEN_LIFETIME = -settings.ACCESS_TOKEN_LIFETIME
    token, _ = tokens.issue_access(1, 1)

    with pytest.raises(InvalidToken):
        tokens.read_access(token)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"sub": "me", "sid": 1, "iat": 1},
        {"sub": "1", "iat": 1},
        {"sub": "1", "sid": None, "iat": 1},
        {"sub": "1", "sid": 1},
        {"sub": "1", "sid": 1, "iat": "early"},
    ],
)
def test_access_token_of_another_shape_is_refused(claims: dict[str, object], settings: Settings) -> None:
    token = jwt.encode({"exp": 2**32, **claims}, tokens._access_key(settings.SECRET_KEY), algorithm="HS256")

    with pytest.raises(InvalidToken):
        tokens.read_access(token)


def test_token_signed_with_the_bare_secret_is_refused(settings: Settings) -> None:
    claims = {"sub": "1", "sid": 1, "exp": 2**32}

    for token in (
        jwt.encode(claims, settings.SECRET_KEY, algorithm="HS256"),
        jwt.encode(claims, None, algorithm="none"),
        signing.dumps(claims),
        "",
        "a.b.c",
    ):
        with pytest.raises(InvalidToken):
            tokens.read_access(token)


def test_refresh_token_names_its_session() -> None:
    token = tokens.new_refresh(12)

    assert tokens.session_of_refresh(token) == 12
    assert token != tokens.new_refresh(12)
    with pytest.raises(InvalidToken):
        tokens.session_of_refresh(token.replace("12.", "13."))
