"""The proxy that misbehaves, between a Redis client and a real Redis."""

import socket
import threading
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Broken
from redis.exceptions import TimeoutError as TooLate
from redis.retry import Retry

from dev.stack.chaos import ChaosProxy
from dev.stack.redis import RedisServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[ChaosProxy]:
    with ChaosProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: ChaosProxy) -> Iterator[Redis]:
    """It has a connection, and neither patience nor a second try."""
    with Redis(port=proxy.port, socket_timeout=0.5, protocol=2, retry=Retry(NoBackoff(), 0)) as client:
        client.flushall()
        yield client


@pytest.fixture
def direct(server: RedisServer) -> Iterator[Redis]:
    with Redis(port=server.port, protocol=2) as client:
        yield client


def test_left_alone_it_passes_everything_on(client: Redis) -> None:
    client.set("long", "x" * 1_000_000)

    assert client.get("long") == b"x" * 1_000_000


def test_down_breaks_connections_and_refuses_new_ones_until_healed(proxy: ChaosProxy, client: Redis) -> None:
    proxy.down()
    for _ in range(2):
        with pytest.raises(Broken):
            client.ping()

    proxy.heal()

    assert client.ping()


def test_reset_breaks_connections_and_lets_new_ones_in(proxy: ChaosProxy, client: Redis) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as raw:
        raw.sendall(b"PING\r\n")
        assert raw.recv(100) == b"+PONG\r\n"

        proxy.reset()

        with pytest.raises(ConnectionResetError):
            raw.recv(100)
    assert client.ping()


def test_what_stalls_arrives_when_healed(proxy: ChaosProxy, client: Redis, direct: Redis) -> None:
    proxy.stall()
    with pytest.raises(TooLate):
        client.set("stalled", "yes")
    assert direct.get("stalled") is None

    proxy.heal()

    assert until(lambda: direct.get("stalled") == b"yes")


def test_latency_delays_and_loses_nothing(proxy: ChaosProxy, client: Redis) -> None:
    proxy.latency(1)
    with pytest.raises(TooLate):
        client.ping()

    proxy.latency(0.05)

    assert client.ping()


def test_a_black_hole_breaks_nothing_and_lets_new_connections_in(proxy: ChaosProxy, client: Redis) -> None:
    proxy.blackhole()
    with pytest.raises(TooLate):
        client.ping()

    assert client.ping()


def test_what_was_swallowed_is_done_when_it_is_delivered(proxy: ChaosProxy, client: Redis, direct: Redis) -> None:
    proxy.swallow(b"late")
    with pytest.raises(Broken):
        client.set("late", "yes")
    proxy.wait_until_played()
    assert client.get("early") is None
    assert direct.get("late") is None

    proxy.deliver()

    assert until(lambda: direct.get("late") == b"yes")


def test_a_lost_answer_is_of_something_that_was_done(proxy: ChaosProxy, client: Redis, direct: Redis) -> None:
    proxy.lose_answer(b"done")
    with pytest.raises(Broken):
        client.set("done", "yes")

    assert direct.get("done") == b"yes"


def test_what_is_dropped_is_missing_and_what_follows_is_not(proxy: ChaosProxy, client: Redis, direct: Redis) -> None:
    with client.pubsub(ignore_subscribe_messages=True) as listening:
        listening.subscribe("news")
        listening.get_message(timeout=0.5)
        proxy.drop(b"bad news")
        direct.publish("news", "bad news")
        proxy.wait_until_played()
        direct.publish("news", "good news")

        heard = listening.get_message(timeout=0.5)

    assert heard is not None
    assert heard["data"] == b"good news"


def until(condition) -> bool:
    """Within five seconds."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.01) for _ in range(500))
