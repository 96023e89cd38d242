"""What ids, numbers and times a command's arguments may be, for argparse, which says what is wrong and ends with 2."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import date, datetime
from functools import partial

from core.ledger.ids import LAST_ID

YEARS = range(2000, 2101)
EXAMPLE = "2031-03-03T22:00+09:00"


def number_up_to(most: int, *, unit: str = "", kind: Callable[[str], float] = float) -> Callable[[str], float]:
    """Above 0 and at most `most`."""

    def parse(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not 0 < number <= most:
            raise ArgumentTypeError(f"{text!r} is not above 0 and at most {most} {unit}".rstrip())
        return number

    return parse


def count_up_to(most: int, *, unit: str) -> Callable[[str], int]:
    """A whole number of these, from 1 to `most`."""
    return partial(_whole_number, most=most, told=f"number of {unit}")


def some_id(text: str) -> int:
    """Of a member or a room, whether there is one or not."""
    return _whole_number(text, most=LAST_ID, told="id")


def _whole_number(text: str, *, most: int, told: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise ArgumentTypeError(f"{text!r} is no {told} from 1 to {most}")
    return int(text)


def moment(text: str) -> datetime:
    """ISO 8601 with an offset: a time without one would mean another moment on every machine."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.year not in YEARS:
        raise ArgumentTypeError(f"{text!r} is not understood: write {EXAMPLE}, from {YEARS[0]} to {YEARS[-1]}")
    if at.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} has no offset: write {EXAMPLE}")
    return at


def day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.year not in YEARS:
        raise ArgumentTypeError(f"{text!r} is not understood: write 2031-03-03, from {YEARS[0]} to {YEARS[-1]}")
    return found
