"""The real Fail2ban, as bootstrap-host sets it up, with a real sshd, journal and firewall, and with neighbours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from tests.host.access_log import Nginx
from tests.host.conftest import OPERATOR, Bootstrapped
from tests.host.machine import ADDRESS, Done, Machine, eventually

pytestmark = pytest.mark.timeout(1200)  # the first test waits for a fresh Debian

NEIGHBOURS = [OPERATOR, *(f"203.0.113.{number}" for number in range(10, 60))]
ACCESS_LOG = "/srv/damso/log/nginx/access.json"
SSH = (
    "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
    "-o BatchMode=yes -o IdentitiesOnly=yes"
)
SIGN_IN_FAILURES = 20


@pytest.fixture(scope="module")
def machine(bootstrapped: Bootstrapped) -> Iterator[Machine]:
    with bootstrapped.machine.booted(NEIGHBOURS):
        serve_the_web(bootstrapped.machine)
        yield bootstrapped.machine


numbers = count(10)


@pytest.fixture
def stranger() -> str:
    return f"203.0.113.{next(numbers)}"


@pytest.fixture
def bystander() -> str:
    return f"203.0.113.{next(numbers)}"


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


def sign_in(
    machine: Machine, address: str, *, user: str = "deploy", keys: tuple[str, ...] = ("right",), patience: int = 2
) -> Done:
    identities = " ".join(f"-i /opt/{key}" for key in keys)
    command = f"{SSH} -o ConnectTimeout={patience} -b {address} {identities} {user}@{ADDRESS} true"
    return machine.run(command, check=False, neighbour=True)


def signs_in(machine: Machine, address: str, *, keys: tuple[str, ...] = ("right",)) -> bool:
    return sign_in(machine, address, keys=keys).returncode == 0


def fails(
    machine: Machine, address: str, *, times: int = 1, user: str = "deploy", keys: tuple[str, ...] = ("wrong1",)
) -> None:
    """Comes to sshd, and is refused there."""
    for _ in range(times):
        done = sign_in(machine, address, user=user, keys=keys, patience=20)
        assert re.search("Permission denied|Too many authentication failures", done.stderr), done


def counted(machine: Machine, address: str) -> int:
    """How many failures of this address Fail2ban has found; `settled` first, or some may be under way."""
    return int(machine.run(f"grep -c ' Found {address} ' /var/log/fail2ban.log", check=False).stdout)


def settled(machine: Machine) -> None:
    """Returns when Fail2ban has read everything that sshd has said until now: it reads in order."""
    marker = f"203.0.113.{next(numbers)}"
    fails(machine, marker)
    eventually(lambda: counted(machine, marker), "Fail2ban's reading of the journal")


def banned(machine: Machine, jail: str = "sshd") -> set[str]:
    """Whom Fail2ban counts as banned and the kernel keeps out: a moment lies between the two."""
    told = machine.run(f"fail2ban-client get {jail} banip").stdout
    kernel = machine.run(f"nft list set inet damso-bans addr-set-{jail}", check=False).stdout
    return set(told.split()) & set(re.findall(r"[0-9.]{7,}", kernel))


def ban(machine: Machine, address: str) -> None:
    fails(machine, address, times=3)
    eventually(lambda: address in banned(machine), f"the ban of {address}")


def serve_the_web(machine: Machine) -> None:
    machine.start("python3 -m http.server 443")
    eventually(lambda: connects(machine, OPERATOR), "the web server")


def connects(machine: Machine, address: str, port: int = 443) -> bool:
    return machine.succeeds(
        f"curl -sS -m 2 -o /dev/null --interface {address} http://{ADDRESS}:{port}/", neighbour=True
    )


def test_the_third_failure_bans_and_the_second_does_not(machine: Machine, stranger: str, bystander: str) -> None:
    fails(machine, stranger, times=2)
    settled(machine)
    assert counted(machine, stranger) == 2
    assert signs_in(machine, stranger)

    fails(machine, stranger)

    eventually(lambda: stranger in banned(machine), "the ban")
    assert not signs_in(machine, stranger)
    assert signs_in(machine, bystander)


@pytest.mark.parametrize(
    ("user", "keys"),
    [
        ("deploy", ()),
        ("deploy", ("wrong1",)),
        ("deploy", ("wrong1", "wrong2", "wrong3")),
        ("deploy", ("wrong1", "wrong2", "wrong3", "wrong4", "wrong5")),
        ("root", ()),
        ("root", ("right",)),
        ("admin", ()),
        ("admin", ("wrong1", "wrong2")),
        ("admin", ("wrong1", "wrong2", "wrong3", "wrong4", "wrong5")),
    ],
)
def test_one_failed_login_is_one_failure(machine: Machine, stranger: str, user: str, keys: tuple[str, ...]) -> None:
    fails(machine, stranger, user=user, keys=keys)

    settled(machine)
    assert counted(machine, stranger) == 1


def test_the_right_key_after_wrong_ones_is_no_failure(machine: Machine, stranger: str) -> None:
    assert signs_in(machine, stranger, keys=("wrong1", "wrong2", "right"))

    settled(machine)
    assert counted(machine, stranger) == 0


def test_operators_are_never_banned(machine: Machine) -> None:
    fails(machine, OPERATOR, times=5)

    settled(machine)
    ignored = machine.run(f"grep -c 'Ignore {OPERATOR} by ip' /var/log/fail2ban.log", check=False).stdout
    assert int(ignored) == 5
    assert signs_in(machine, OPERATOR)


def test_a_ban_outlasts_fail2ban_also_while_it_is_stopped(machine: Machine, stranger: str, bystander: str) -> None:
    ban(machine, stranger)

    with machine.without_fail2ban():
        assert not signs_in(machine, stranger)
        assert signs_in(machine, bystander)

    eventually(lambda: stranger in banned(machine), "the ban after the start")
    assert not signs_in(machine, stranger)


def test_a_ban_outlasts_a_power_cut(machine: Machine, stranger: str, bystander: str) -> None:
    ban(machine, stranger)

    machine.power_off()
    machine.boot(NEIGHBOURS)
    serve_the_web(machine)

    eventually(lambda: stranger in banned(machine), "the ban after the boot")
    assert not signs_in(machine, stranger)
    assert signs_in(machine, bystander)


def test_a_ban_never_runs_out(machine: Machine, stranger: str) -> None:
    ban(machine, stranger)

    shown = machine.run("fail2ban-client get sshd banip --with-time").stdout

    assert next(line for line in shown.splitlines() if line.startswith(stranger)).endswith("+ -1 = 9999-12-31 23:59:59")


def test_unban_lets_in_for_good(machine: Machine, stranger: str) -> None:
    ban(machine, stranger)

    machine.run(f"fail2ban-client unban {stranger}")

    eventually(lambda: signs_in(machine, stranger), "the way in")
    with machine.without_fail2ban():
        pass
    assert signs_in(machine, stranger)


def test_repeated_sign_in_failures_ban_from_the_web(
    machine: Machine, nginx: Nginx, stranger: str, bystander: str
) -> None:
    refused = [nginx.line(stranger, status=status) for status in (400, 401, 403)]
    lines = [refused[number % 3] for number in range(SIGN_IN_FAILURES)]
    append(machine, lines[:-1])
    read_so_far(machine, nginx)
    assert stranger not in banned(machine, "damso-sign-in")
    assert connects(machine, stranger)

    append(machine, lines[-1:])

    eventually(lambda: stranger in banned(machine, "damso-sign-in"), "the ban")
    assert not connects(machine, stranger)
    assert connects(machine, bystander)
    assert signs_in(machine, stranger)  # from the web only


def test_what_honest_pages_do_is_no_sign_in_failure(machine: Machine, nginx: Nginx, stranger: str) -> None:
    honest = [
        nginx.line(stranger, status=401, path="/api/v1/auth/refresh"),  # asked of every visitor who is not signed in
        nginx.line(stranger, status=200),
        nginx.line(stranger, status=401, path="/api/v1/members/me"),
        nginx.line(stranger, status=429),
        nginx.line(stranger, status=400, method="GET", path="/api/v1/auth/kakao/login"),
    ]

    append(machine, honest * SIGN_IN_FAILURES)

    read_so_far(machine, nginx)
    assert counted(machine, stranger) == 0


def test_nobody_can_have_another_address_banned(machine: Machine, nginx: Nginx, stranger: str, bystander: str) -> None:
    forged = (
        f'/x","source":{{"address":"{bystander}"}},"url":{{"path":"/api/v1/auth/kakao"}},'
        '"method":"POST","status_code":401,'
    )
    written = nginx.line(stranger, status=400, path=forged)

    append(machine, [written])

    read_so_far(machine, nginx)
    assert counted(machine, bystander) == 0


def append(machine: Machine, lines: list[str]) -> None:
    machine.run(f"cat >>{ACCESS_LOG} <<'END'\n{''.join(lines)}END\n")


def read_so_far(machine: Machine, nginx: Nginx) -> None:
    """Returns when Fail2ban has read everything that stands in the access log now."""
    marker = f"203.0.113.{next(numbers)}"
    append(machine, [nginx.line(marker, status=401)])
    eventually(lambda: counted(machine, marker), "Fail2ban's reading of the access log")


def test_operators_and_health_checks_are_never_banned_from_the_web(machine: Machine, nginx: Nginx) -> None:
    for address in (OPERATOR, "35.191.0.7", "130.211.1.9"):
        append(machine, [nginx.line(address, status=401)] * (SIGN_IN_FAILURES + 5))

    read_so_far(machine, nginx)
    assert banned(machine, "damso-sign-in").isdisjoint({OPERATOR, "35.191.0.7", "130.211.1.9"})


@contextmanager
def published(machine: Machine, port: int) -> Iterator[None]:
    """As Docker publishes a port: sent on before the input chain is asked."""
    machine.run(
        "nft 'add table ip published; add chain ip published door { type nat hook prerouting priority -100; }; "
        f"add rule ip published door iifname eth0 tcp dport {port} dnat to {ADDRESS}:443'"
    )
    try:
        yield
    finally:
        machine.run("nft delete table ip published")


def test_a_published_port_of_a_container_stays_shut(machine: Machine, bystander: str) -> None:
    with published(machine, 6379):
        assert not connects(machine, bystander, port=6379)

        machine.run("nft delete table inet damso")

        assert connects(machine, bystander, port=6379)
        machine.run("nft -f /etc/nftables.conf")


def test_a_published_port_is_shut_for_who_is_banned(
    machine: Machine, nginx: Nginx, stranger: str, bystander: str
) -> None:
    with published(machine, 80):
        assert connects(machine, stranger, port=80)

        append(machine, [nginx.line(stranger, status=401)] * SIGN_IN_FAILURES)

        eventually(lambda: stranger in banned(machine, "damso-sign-in"), "the ban")
        assert not connects(machine, stranger, port=80)
        assert connects(machine, bystander, port=80)


def test_loading_the_firewall_again_keeps_the_bans(machine: Machine, stranger: str) -> None:
    ban(machine, stranger)

    machine.run("nft -f /etc/nftables.conf")

    assert not signs_in(machine, stranger)
