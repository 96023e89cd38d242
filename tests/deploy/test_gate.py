"""What the gate of a deploy lets through."""

import pytest

from deploy.gate.bounds import Bounds
from deploy.gate.tally import Phase, Tally, percentiles

QUICK, SLOW = [0.02] * 100, [0.7] * 100


def tally(*faults: str, back: float = 0.5) -> Tally:
    seen = Tally(back=[back])
    for fault in faults:
        seen.fault(fault, "an example")
    return seen


def test_a_crowd_that_noticed_nothing_lets_a_version_through():
    before, after = Phase(QUICK, QUICK), Phase(QUICK, QUICK)

    assert Bounds().of_baseline(tally(), before) == []
    assert Bounds().of_switch(tally(), before, [after]) == []


@pytest.mark.parametrize("fault", ["lost", "doubled", "out of order", "request", "socket cut"])
def test_one_fault_is_one_too_many(fault: str):
    phase = Phase(QUICK, QUICK)

    assert Bounds().of_switch(tally(fault), phase, [phase]) == [f"1 × {fault}"]
    assert Bounds().of_baseline(tally(fault), phase) == [f"1 × {fault}"]


def test_slow_is_what_is_slow_beside_the_baseline():
    quick, slow_messages, slow_requests = Phase(QUICK, QUICK), Phase(SLOW, QUICK), Phase(QUICK, SLOW)
    busy = Phase([0.3] * 100, [0.3] * 100)

    assert Bounds().of_switch(tally(), quick, [slow_messages]) == [
        "messages take 700 ms (p99), 500 are allowed, 20 were before"
    ]
    assert Bounds().of_switch(tally(), quick, [quick, slow_requests]) == [
        "REST requests take 700 ms (p99), 500 are allowed, 20 were before"
    ]
    assert Bounds().of_switch(tally(), busy, [slow_messages, slow_requests]) == []


def test_a_host_too_slow_to_prove_anything_is_refused():
    found = Bounds().of_baseline(tally(), Phase(SLOW, SLOW))

    assert found == [
        "messages take 700 ms (p99), 500 are allowed",
        "REST requests take 700 ms (p99), 500 are allowed",
    ]


def test_a_baseline_without_a_measurement_is_refused():
    assert Bounds().of_baseline(tally(), Phase()) == [
        "no messages were measured",
        "no REST requests were measured",
    ]


def test_one_late_message_and_one_late_socket_refuse():
    quick = Phase(QUICK, QUICK)

    assert Bounds().of_switch(tally(), quick, [Phase([*QUICK * 3, 2.5], QUICK)]) == [
        "a message took 2500 ms, 2000 are allowed"
    ]
    assert Bounds().of_switch(tally(back=2.4), quick, [quick]) == [
        "a socket was back 2400 ms after its time, 2000 are allowed"
    ]


def test_percentiles_are_of_what_was_measured():
    assert percentiles([]) == {"n": 0}
    assert percentiles([number / 1000 for number in range(1, 101)]) == {
        "n": 100,
        "p50": 50.0,
        "p99": 99.0,
        "max": 100.0,
    }
