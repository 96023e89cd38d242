"""What numbers a command's arguments may be, for argparse, which says what is wrong with one and ends with 2."""

from argparse import ArgumentTypeError
from collections.abc import Callable


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


def days_up_to(most: int) -> Callable[[str], int]:
    """Whole days, from 1 to `most`."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            raise ArgumentTypeError(f"{text!r} is no number of days from 1 to {most}")
        return int(text)

    return parse
