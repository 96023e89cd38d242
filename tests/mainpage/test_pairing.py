from dataclasses import replace
from datetime import date, timedelta
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from mainpage.pairing import History, Pair, Person, pair

TONIGHT = date(2026, 11, 24)
MAN = Person(
    1, "MALE", 2003, "physics", "calm", birth_year_min=2000, birth_year_max=2006, own_department=True
)  # everybody below differs from this man in what the test is about
WOMAN = replace(MAN, id=11, gender="FEMALE")


def pairs_of(*people: Person, history: History | None = None, seed: int = 7, proposing: str = "MALE") -> list[Pair]:
    return pair(people, history or History(), seed=seed, proposing=proposing)  # type: ignore[arg-type]


def test_same_mood_outweighs_birth_year_and_department():
    man = replace(MAN, own_department=False)
    same_mood = replace(WOMAN, id=11, birth_year=1990)
    all_else = replace(WOMAN, id=12, mood="lively", department="music")

    assert pairs_of(man, same_mood, all_else) == [(1, 11)]


def test_birth_year_outweighs_department():
    man = replace(MAN, own_department=False)
    in_range = replace(WOMAN, id=11)
    other_department = replace(WOMAN, id=12, birth_year=1990, department="music")

    assert pairs_of(man, in_range, other_department) == [(1, 11)]


def test_unwelcome_own_department_comes_last():
    man = replace(MAN, own_department=False)
    own = replace(WOMAN, id=11)
    other = replace(WOMAN, id=12, department="music")

    assert pairs_of(man, own, other) == [(1, 12)]


def test_welcome_own_department_is_no_advantage():
    own = replace(WOMAN, id=11)
    other = replace(WOMAN, id=12, department="music")

    assert {pairs_of(MAN, own, other, seed=seed)[0] for seed in range(40)} == {(1, 11), (1, 12)}


def test_blocked_pair_never_meets():
    assert pairs_of(MAN, WOMAN) == [(1, 11)]
    assert pairs_of(MAN, WOMAN, history=History(blocked={(1, 11)})) == []


def test_new_people_come_before_old_acquaintances():
    history = History(last_met={(1, 11): TONIGHT - timedelta(days=300)})
    far_from_every_wish = replace(WOMAN, id=12, mood="lively", birth_year=1990)

    assert pairs_of(MAN, WOMAN, history=history) == [(1, 11)]
    assert pairs_of(MAN, WOMAN, far_from_every_wish, history=history) == [(1, 12)]


def test_old_pairs_are_repeated_longest_ago_first():
    history = History(last_met={(1, 11): TONIGHT - timedelta(days=1), (1, 12): TONIGHT - timedelta(days=2)})

    assert pairs_of(MAN, WOMAN, replace(WOMAN, id=12), history=history) == [(1, 12)]


def test_old_pairs_sit_out_when_the_setting_is_off():
    history = History(last_met={(1, 11): TONIGHT - timedelta(days=300)}, repeats_old_pairs=False)

    assert pairs_of(MAN, WOMAN, history=history) == []


def test_proposing_side_gets_its_best_stable_partners():
    # Each man wishes for the woman who wishes for the other man: both results are stable.
    man_1 = replace(MAN, id=1, birth_year=2001, birth_year_min=1991, birth_year_max=1991)
    man_2 = replace(MAN, id=2, birth_year=2002, birth_year_min=1992, birth_year_max=1992)
    woman_1 = replace(WOMAN, id=11, birth_year=1991, birth_year_min=2002, birth_year_max=2002)
    woman_2 = replace(WOMAN, id=12, birth_year=1992, birth_year_min=2001, birth_year_max=2001)
    everybody = [man_1, man_2, woman_1, woman_2]

    assert pairs_of(*everybody, proposing="MALE") == [(1, 11), (2, 12)]
    assert pairs_of(*everybody, proposing="FEMALE") == [(1, 12), (2, 11)]


# --- properties

MOODS, DEPARTMENTS, YEARS = ["calm", "cosy", "lively"], ["physics", "music", "law"], list(range(2000, 2006))


@st.composite
def people(draw: st.DrawFn) -> list[Person]:
    def one(id_: int) -> Person:
        lowest, highest = sorted([draw(st.sampled_from(YEARS)), draw(st.sampled_from(YEARS))])
        return Person(
            id_,
            draw(st.sampled_from(["MALE", "FEMALE"])),
            draw(st.sampled_from(YEARS)),
            draw(st.sampled_from(DEPARTMENTS)),
            draw(st.sampled_from(MOODS)),
            lowest,
            highest,
            draw(st.booleans()),
        )

    return [one(id_) for id_ in draw(st.lists(st.integers(1, 2**53 - 1), max_size=14, unique=True))]


@st.composite
def nights(draw: st.DrawFn) -> tuple[list[Person], History]:
    everybody = draw(people())
    could_meet = [
        (min(one.id, other.id), max(one.id, other.id))
        for one, other in product(everybody, everybody)
        if one.gender == "MALE" and other.gender == "FEMALE"
    ]
    subset = st.sets(st.sampled_from(could_meet)) if could_meet else st.just(set())
    met = {who: TONIGHT - timedelta(days=draw(st.integers(1, 3))) for who in draw(subset)}
    return everybody, History(blocked=draw(subset), last_met=met, repeats_old_pairs=draw(st.booleans()))


SEEDS = st.integers(1, 2**53 - 1)
SIDES = st.sampled_from(["MALE", "FEMALE"])


def may_meet(one: Person, other: Person, history: History) -> bool:
    who = (min(one.id, other.id), max(one.id, other.id))
    old = who in (history.last_met or {})
    return one.gender != other.gender and who not in history.blocked and (history.repeats_old_pairs or not old)


def liking(person: Person, other: Person, history: History) -> tuple[object, ...]:
    """What product.md says, without the lot: equal values are people liked equally. Low is liked."""
    met = (history.last_met or {}).get((min(person.id, other.id), max(person.id, other.id)))
    return (
        met is not None,
        met or TONIGHT,
        other.mood != person.mood,
        not person.birth_year_min <= other.birth_year <= person.birth_year_max,
        other.department == person.department and not person.own_department,
    )


def partners_of(pairs: list[Pair], everybody: list[Person]) -> dict[int, Person]:
    by_id = {person.id: person for person in everybody}
    return {a: by_id[b] for a, b in pairs} | {b: by_id[a] for a, b in pairs}


@given(nights(), SEEDS, SIDES)
def test_only_pairs_that_may_meet_and_nobody_twice(night, seed, side):
    everybody, history = night
    by_id = {person.id: person for person in everybody}

    pairs = pair(everybody, history, seed=seed, proposing=side)

    assert all(a < b and may_meet(by_id[a], by_id[b], history) for a, b in pairs)
    assert len({id_ for who in pairs for id_ in who}) == 2 * len(pairs)


@given(nights(), SEEDS, SIDES)
def test_no_two_would_both_rather_have_each_other(night, seed, side):
    everybody, history = night

    partners = partners_of(pair(everybody, history, seed=seed, proposing=side), everybody)

    def would_rather(person: Person, other: Person) -> bool:
        current = partners.get(person.id)
        return current is None or liking(person, other, history) < liking(person, current, history)

    assert not [
        (one.id, other.id)
        for one, other in product(everybody, everybody)
        if may_meet(one, other, history) and would_rather(one, other) and would_rather(other, one)
    ]


@given(nights(), SEEDS, SIDES)
def test_no_two_who_may_meet_both_sit_out(night, seed, side):
    everybody, history = night

    partners = partners_of(pair(everybody, history, seed=seed, proposing=side), everybody)

    out = [person for person in everybody if person.id not in partners]
    assert not [1 for one, other in product(out, out) if may_meet(one, other, history)]


@given(nights(), SEEDS, SIDES)
def test_smaller_side_is_paired_wholly_when_nobody_is_blocked(night, seed, side):
    everybody, history = night
    men = sum(person.gender == "MALE" for person in everybody)

    pairs = pair(everybody, History(last_met=history.last_met), seed=seed, proposing=side)

    assert len(pairs) == min(men, len(everybody) - men)


@given(nights(), SEEDS)
def test_both_proposing_sides_leave_out_the_same_people(night, seed):
    everybody, history = night

    by_men = pair(everybody, history, seed=seed, proposing="MALE")
    by_women = pair(everybody, history, seed=seed, proposing="FEMALE")

    assert {id_ for who in by_men for id_ in who} == {id_ for who in by_women for id_ in who}


@given(nights(), SEEDS, SIDES, st.randoms())
def test_round_can_be_replayed_exactly(night, seed, side, random):
    everybody, history = night
    shuffled = random.sample(everybody, len(everybody))

    assert pair(everybody, history, seed=seed, proposing=side) == pair(shuffled, history, seed=seed, proposing=side)


def test_replay_does_not_depend_on_the_python_version():
    men = [replace(MAN, id=id_) for id_ in range(1, 6)]
    women = [replace(WOMAN, id=id_) for id_ in range(11, 16)]

    assert pairs_of(*men, *women, seed=2026) == [(1, 12), (2, 13), (3, 14), (4, 15), (5, 11)]


def test_two_thousand_are_paired_within_seconds():
    everybody = [
        replace(
            MAN,
            id=id_,
            gender="MALE" if id_ % 2 else "FEMALE",
            birth_year=2000 + id_ % 7,
            department=DEPARTMENTS[id_ % 3],
            mood=MOODS[id_ % 5 % 3],
        )
        for id_ in range(1, 2001)
    ]

    assert len(pairs_of(*everybody)) == 1000
