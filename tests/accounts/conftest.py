"""Kakao's stand-in, served for real, and people who come to the API through its public door."""

from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings

from accounts.services import catalogue
from dev.stack.ports import free_port
from dev.standins.kakao import Kakao
from dev.standins.serving import served
from tests.accounts.visitor import Visitor


@pytest.fixture(scope="session")
def standin() -> Iterator[Kakao]:
    port = free_port()
    kakao = Kakao(f"http://127.0.0.1:{port}")
    with served(port, kakao.answer):
        yield kakao


@pytest.fixture
def kakao(standin: Kakao, settings: Settings) -> Iterator[Kakao]:
    settings.KAKAO_AUTH_URL = settings.KAKAO_API_URL = standin.base_url
    yield standin
    standin.faults.clear()


@pytest.fixture
def visitor(db: None, kakao: Kakao) -> Callable[..., Visitor]:
    """`visitor(language="en", native=True)`: somebody's browser or app, not signed in."""
    return Visitor


@pytest.fixture
def newcomer(visitor: Callable[..., Visitor], offered: None) -> Visitor:
    """Signed in for the first time, with onboarding ahead."""
    somebody = visitor()
    somebody.sign_in("새내기")
    return somebody


@pytest.fixture
def member(newcomer: Visitor) -> Visitor:
    """Signed in, complete and active."""
    newcomer.onboard("도토리")
    return newcomer


@pytest.fixture
def offered(db: None) -> None:
    """The catalogue as shipped."""
    catalogue.load()
