"""Planted migrations: what the old code can't bear is refused, what it can is not, and contracts need their proof."""

from typing import Any

import pytest
from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Now

from dev.two_versions import Refusal, refusals

MEMBER: "dict[str, models.Field[Any, Any]]" = {
    "id": models.BigAutoField(primary_key=True),
    "nickname": models.CharField(max_length=20),
    "phone": models.CharField(max_length=20, null=True),
    "mood": models.CharField(max_length=20, db_default="calm"),
    "age": models.SmallIntegerField(),
    "rating": models.DecimalField(max_digits=5, decimal_places=2),
    "friend": models.ForeignKey("accounts.Member", models.CASCADE, null=True),
}

BAD: dict[str, tuple[Operation, str]] = {
    "a dropped column": (operations.RemoveField("Member", "phone"), "member.phone"),
    "a dropped table": (operations.DeleteModel("Member"), "member"),
    "a renamed column": (operations.RenameField("Member", "phone", "mobile"), "member.phone"),
    "a renamed table": (operations.RenameModel("Member", "Person"), "member"),
    "another table": (operations.AlterModelTable("Member", "people"), "member"),
    "NOT NULL with Python's default only": (
        operations.AddField("Member", "city", models.CharField(max_length=9, default="")),
        "member.city",
    ),
    "unique with a database default": (
        operations.AddField("Member", "code", models.CharField(max_length=9, db_default="", unique=True)),
        "member.code",
    ),
    "text to number": (operations.AlterField("Member", "phone", models.IntegerField(null=True)), "member.phone"),
    "a narrower number": (operations.AlterField("Member", "id", models.AutoField(primary_key=True)), "member.id"),
    "a shorter text": (operations.AlterField("Member", "nickname", models.CharField(max_length=5)), "member.nickname"),
    "fewer digits": (
        operations.AlterField("Member", "rating", models.DecimalField(max_digits=4, decimal_places=2)),
        "member.rating",
    ),
    "nullable to NOT NULL": (operations.AlterField("Member", "phone", models.CharField(max_length=20)), "member.phone"),
    "suddenly unique": (
        operations.AlterField("Member", "nickname", models.CharField(max_length=20, unique=True)),
        "member.nickname",
    ),
    "a column of another name": (
        operations.AlterField("Member", "age", models.SmallIntegerField(db_column="years")),
        "member.age",
    ),
    "another collation": (
        operations.AlterField("Member", "nickname", models.CharField(max_length=20, db_collation="utf8mb4_bin")),
        "member.nickname",
    ),
    "a lost default": (operations.AlterField("Member", "mood", models.CharField(max_length=20)), "member.mood"),
    "another target": (
        operations.AlterField("Member", "friend", models.ForeignKey("accounts.Other", models.CASCADE, null=True)),
        "member.friend",
    ),
    "a unique constraint": (
        operations.AddConstraint("Member", models.UniqueConstraint(fields=["nickname"], name="one_name")),
        "member.one_name",
    ),
    "a check": (
        operations.AddConstraint("Member", models.CheckConstraint(condition=models.Q(age__gt=18), name="grown_up")),
        "member.grown_up",
    ),
    "unique together": (operations.AlterUniqueTogether("Member", {("nickname", "phone")}), "member"),
    "SQL": (operations.RunSQL("DELETE FROM accounts_member"), "RunSQL"),
    "Python": (operations.RunPython(operations.RunPython.noop), "RunPython"),
    "an order": (operations.AlterOrderWithRespectTo("Member", "friend"), "AlterOrderWithRespectTo"),
    "a drop in the database's half": (
        operations.SeparateDatabaseAndState(database_operations=[operations.RemoveField("Member", "phone")]),
        "member.phone",
    ),
    "forgetting what must be filled": (
        operations.SeparateDatabaseAndState(state_operations=[operations.RemoveField("Member", "nickname")]),
        "member.nickname",
    ),
    "a column only Django knows": (
        operations.SeparateDatabaseAndState(
            state_operations=[operations.AddField("Member", "city", models.TextField(null=True))]
        ),
        "member.city",
    ),
}

GOOD: dict[str, Operation] = {
    "a nullable column": operations.AddField("Member", "city", models.CharField(max_length=9, null=True)),
    "a column with a database default": operations.AddField("Member", "seen", models.DateTimeField(db_default=Now())),
    "a unique nullable column": operations.AddField("Member", "code", models.TextField(null=True, unique=True)),
    "many to many": operations.AddField("Member", "others", models.ManyToManyField("accounts.Other")),
    "a new table": operations.CreateModel("Visit", [("id", models.BigAutoField(primary_key=True))]),
    "an index": operations.AddIndex("Member", models.Index(fields=["age"], name="by_age")),
    "a longer text": operations.AlterField("Member", "nickname", models.CharField(max_length=30)),
    "a wider number": operations.AlterField("Member", "age", models.IntegerField()),
    "more digits": operations.AlterField("Member", "rating", models.DecimalField(max_digits=8, decimal_places=3)),
    "no longer NOT NULL": operations.AlterField("Member", "age", models.SmallIntegerField(null=True)),
    "a default that comes": operations.AlterField("Member", "age", models.SmallIntegerField(db_default=20)),
    "words and validators": operations.AlterField("Member", "age", models.SmallIntegerField(help_text="In years.")),
    "a harmless half for the database": operations.SeparateDatabaseAndState(
        database_operations=[operations.AlterField("Member", "phone", models.CharField(max_length=20, null=True))]
    ),
    "forgetting what may stay empty": operations.SeparateDatabaseAndState(
        state_operations=[operations.RemoveField("Member", "phone")]
    ),
    "forgetting a table": operations.SeparateDatabaseAndState(state_operations=[operations.DeleteModel("Other")]),
    "options": operations.AlterModelOptions("Member", {"ordering": ["id"]}),
}


def state(**members: "models.Field[Any, Any]") -> ProjectState:
    project = ProjectState()
    project.add_model(ModelState("accounts", "Member", list(members.items())))
    project.add_model(ModelState("accounts", "Other", [("id", models.BigAutoField(primary_key=True))]))
    return project


def migration(*steps: Operation, **excuses: str) -> Migration:
    planted = Migration("0002_planted", "accounts")
    planted.operations = list(steps)
    if excuses:
        planted.safe_beside_old_code = {subject.replace("__", "."): reason for subject, reason in excuses.items()}  # type: ignore[attr-defined]
    return planted


def refused(
    planted: Migration, *, before: ProjectState | None = None, released: ProjectState | None = None
) -> list[Refusal]:
    return refusals(planted, before or state(**MEMBER), released)


@pytest.mark.parametrize("released", [state(**MEMBER), None], ids=["released", "unreleased"])
@pytest.mark.parametrize("name", BAD)
def test_what_the_old_code_cannot_bear_is_refused(name: str, released: ProjectState | None) -> None:
    operation, subject = BAD[name]

    assert [refusal.subject for refusal in refused(migration(operation), released=released)] == [subject]


@pytest.mark.parametrize("released", [state(**MEMBER), None], ids=["released", "unreleased"])
@pytest.mark.parametrize("name", GOOD)
def test_what_the_old_code_bears_passes(name: str, released: ProjectState | None) -> None:
    assert refused(migration(GOOD[name]), released=released) == []


def test_a_field_may_get_another_name_when_its_column_keeps_it() -> None:
    kept = models.CharField(max_length=20, null=True, db_column="phone")
    steps = [operations.AlterField("Member", "phone", kept), operations.RenameField("Member", "phone", "mobile")]

    assert refused(migration(*steps), released=state(**MEMBER)) == []


def test_anything_may_be_done_to_a_table_the_old_code_does_not_know() -> None:
    released = ProjectState()

    for operation, _ in (BAD[name] for name in ("a renamed column", "nullable to NOT NULL", "a unique constraint")):
        assert refused(migration(operation)) != []
        assert refused(migration(operation), released=released) == []


def test_a_table_created_and_changed_in_one_migration_is_new() -> None:
    created = operations.CreateModel(
        "Visit", [("id", models.BigAutoField(primary_key=True)), ("at", models.TextField())]
    )
    only_once = operations.AddConstraint("Visit", models.UniqueConstraint(fields=["at"], name="once"))

    assert refused(migration(created, only_once)) == []


def test_a_column_is_dropped_a_release_after_it_was_forgotten() -> None:
    phone = MEMBER["phone"]
    forgotten = state(**{name: field for name, field in MEMBER.items() if name != "phone"})
    drop = migration(
        operations.SeparateDatabaseAndState(state_operations=[operations.AddField("Member", "phone", phone)]),
        operations.RemoveField("Member", "phone"),
    )

    assert [r.subject for r in refused(drop, before=forgotten, released=state(**MEMBER))] == ["member.phone"]
    assert [r.subject for r in refused(drop, before=forgotten)] == ["member.phone"]
    assert refused(drop, before=forgotten, released=forgotten) == []


def test_a_table_is_dropped_a_release_after_it_was_forgotten() -> None:
    forgotten = ProjectState()
    forgotten.add_model(ModelState("accounts", "Member", list(MEMBER.items())))
    known = operations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))])
    drop = migration(
        operations.SeparateDatabaseAndState(state_operations=[known]),
        operations.DeleteModel("Other"),
    )

    assert [r.subject for r in refused(drop, before=forgotten, released=state(**MEMBER))] == ["other"]
    assert refused(drop, before=forgotten, released=forgotten) == []


def test_a_migration_may_say_why_the_old_code_bears_it() -> None:
    narrowed = operations.AlterField("Member", "phone", models.CharField(max_length=20))

    excused = migration(narrowed, member__phone="Since 1.4.0 nobody writes NULL here.")

    assert refused(excused, released=state(**MEMBER)) == []


def test_an_empty_excuse_excuses_nothing() -> None:
    assert refused(migration(operations.RunSQL("SELECT 1"), RunSQL=" ")) != []


def test_an_excuse_without_use_is_refused() -> None:
    idle = migration(GOOD["an index"], member__phone="Once it was needed.")

    assert [refusal.subject for refusal in refused(idle)] == ["member.phone"]


def test_dropping_is_proved_not_excused() -> None:
    drop = migration(operations.RemoveField("Member", "phone"), member__phone="Nobody needs it, I think.")

    assert "member.phone" in [refusal.subject for refusal in refused(drop, released=state(**MEMBER))]
