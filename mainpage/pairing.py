"""Who meets whom tonight: people in, pairs out. No Django, no clock, no database; the same input gives the same pairs.

What is promised, beyond nobody twice and never the same gender, a blocked pair or (unless repeated) an old one:

- Stable: no two people who may meet would both rather have each other than what they got.
- Hence nobody sits out beside somebody they may meet who sits out too, an old pair is repeated only by two who get
  nobody new, and as many meet as under any other stable result (they all leave out the same people). Where everybody
  may meet everybody, as when no block is among them and old pairs are repeated, that is the smaller side's number.
- Stability goes before number: where blocks or old pairs leave lists short, a larger set of pairs can exist, but two
  people in it would rather leave theirs for each other.

The algorithm is Gale and Shapley's (1962) with lists that may be short; the proposing side gets the best partners it
has in any stable result, which is why the sides take turns.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain
from random import Random
from typing import Literal

Gender = Literal["MALE", "FEMALE"]
Pair = tuple[int, int]

# Each of mood, birth year and department outweighs all that come after it.
DIFFERENT_MOOD, OUTSIDE_BIRTH_YEARS, UNWELCOME_DEPARTMENT = 4, 2, 1
LEVELS = 8
_64_BITS = 2**64 - 1
_MIXER = 0x9E3779B97F4A7C15  # 2^64 divided by the golden ratio: spreads an XOR's low bits over the high ones


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    gender: Gender
    birth_year: int
    department: str
    mood: str
    birth_year_min: int
    birth_year_max: int
    own_department: bool  # False: would rather not meet somebody of the own department


@dataclass(frozen=True, slots=True)
class History:
    """What earlier nights and members themselves rule out. Pairs are (lower id, higher id)."""

    blocked: Collection[Pair] = frozenset()
    last_met: Mapping[Pair, date] | None = None
    repeats_old_pairs: bool = True


def pair(people: Collection[Person], history: History, *, seed: int, proposing: Gender) -> list[Pair]:
    """The pairs as (lower id, higher id), in order. `seed` decides between those a person likes equally."""
    preferences = _Preferences(people, history, seed)
    proposers = sorted((person for person in people if person.gender == proposing), key=lambda person: person.id)
    receivers = sorted((person for person in people if person.gender != proposing), key=lambda person: person.id)
    alike = _grouped(receivers)
    wishes = {person.id: preferences.best_first(person, alike) for person in proposers}
    held: dict[int, Person] = {}
    free = list(reversed(proposers))
    while free:
        proposer = free.pop()
        receiver = next(wishes[proposer.id], None)
        if receiver is None:
            continue
        rival = held.get(receiver.id)
        if rival is None or preferences.prefers(receiver, proposer, rival):
            held[receiver.id] = proposer
            refused = rival
        else:
            refused = proposer
        if refused is not None:
            free.append(refused)
    return sorted(_ordered(receiver, proposer.id) for receiver, proposer in held.items())


class _Preferences:
    def __init__(self, people: Collection[Person], history: History, seed: int) -> None:
        random = Random(seed)  # noqa: S311 - replayable is the point
        self.lots = {id_: random.getrandbits(64) for id_ in sorted(person.id for person in people)}
        self.last_met = history.last_met or {}
        self.excluded = set(history.blocked)
        if not history.repeats_old_pairs:
            self.excluded.update(self.last_met)

    def best_first(self, person: Person, alike: Collection[list[Person]]) -> Iterator[Person]:
        """Those `person` may meet. Level by level, each sorted when it is reached: most people never need the rest."""
        levels: list[list[list[Person]]] = [[] for _ in range(LEVELS)]
        for group in alike:
            levels[_distance(person, group[0])].append(group)
        old: list[Person] = []
        for level in levels:
            new: list[Person] = []
            for other in chain.from_iterable(level):
                who = _ordered(person.id, other.id)
                if who not in self.excluded:
                    (old if who in self.last_met else new).append(other)
            yield from sorted(new, key=lambda other: self.rank(person, other))
        yield from sorted(old, key=lambda other: self.rank(person, other))

    def prefers(self, person: Person, one: Person, other: Person) -> bool:
        return self.rank(person, one) < self.rank(person, other)

    def rank(self, person: Person, other: Person) -> tuple[int, int, int, int, int]:
        """Low is liked: new people first, old acquaintances longest ago first, then the wishes, then the lot."""
        who = _ordered(person.id, other.id)
        met = self.last_met.get(who)
        lot = ((self.lots[person.id] ^ self.lots[other.id]) * _MIXER) & _64_BITS
        return (met is not None, met.toordinal() if met else 0, _distance(person, other), lot, other.id)


def _distance(person: Person, other: Person) -> int:
    """0 … 7: how far `other` is from what `person` wishes for."""
    distance = 0 if other.mood == person.mood else DIFFERENT_MOOD
    if not person.birth_year_min <= other.birth_year <= person.birth_year_max:
        distance += OUTSIDE_BIRTH_YEARS
    if other.department == person.department and not person.own_department:
        distance += UNWELCOME_DEPARTMENT
    return distance


def _grouped(people: Collection[Person]) -> list[list[Person]]:
    """People whom everybody likes equally, as far as wishes go, together: there are far fewer groups than people."""
    groups: dict[tuple[str, int, str], list[Person]] = {}
    for person in people:
        groups.setdefault((person.mood, person.birth_year, person.department), []).append(person)
    return list(groups.values())


def _ordered(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)
