"""May this migration run while the previous release still serves? Rules over Django's operations, no database needed.

During a deploy the old code works on the new schema: it names every column of its own models when it reads, and fills
exactly those when it writes. Whatever would break that is refused, and so is what can't be judged (`RunSQL`,
`RunPython`, operations not known here) until the migration says why it is safe:

    safe_beside_old_code = {"member.phone": "Since 1.4.0 nobody writes NULL here."}

Dropping can't be excused, only proved: the previous release's own migrations no longer have the field or the table.
CONTRIBUTING.md, "Migrations", shows both steps.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import NOT_PROVIDED

ModelKey = tuple[str, str]  # (app label, model name in small letters)
Field: TypeAlias = "models.Field[Any, Any]"

WIDER = {
    "SmallIntegerField": {"IntegerField", "BigIntegerField"},
    "IntegerField": {"BigIntegerField"},
    "PositiveSmallIntegerField": {"PositiveIntegerField", "PositiveBigIntegerField"},
    "PositiveIntegerField": {"PositiveBigIntegerField"},
    "AutoField": {"BigAutoField"},
}


@dataclass(frozen=True)
class Refusal:
    """`subject` is what `safe_beside_old_code` names; `provable` ones it can't excuse."""

    subject: str
    reason: str
    provable: bool = False


@dataclass(frozen=True)
class Step:
    """One operation's surroundings. `released` None: no release is known, so nothing may be dropped."""

    app: str
    before: ProjectState
    after: ProjectState
    released: ProjectState | None
    end: ProjectState
    created: set[ModelKey] = field(default_factory=set)

    def key(self, model: str) -> ModelKey:
        return self.app, model.lower()

    def is_new(self, model: str) -> bool:
        """The old code does not know this table, so anything may be done to it."""
        key = self.key(model)
        return key in self.created or (self.released is not None and key not in self.released.models)


def refusals(migration: Migration, before: ProjectState, released: ProjectState | None) -> list[Refusal]:
    """What keeps `migration` from running beside the old code. `before` is the state it starts from."""
    excuses: dict[str, str] = getattr(migration, "safe_beside_old_code", {})
    found = list(_walk(migration, before, released))
    excused = {refusal.subject for refusal in found if not refusal.provable} & {
        subject for subject, reason in excuses.items() if reason.strip()
    }
    standing = [refusal for refusal in found if refusal.provable or refusal.subject not in excused]
    idle = [Refusal(subject, "is excused, but there is nothing to excuse") for subject in set(excuses) - excused]
    return standing + idle


def _walk(migration: Migration, before: ProjectState, released: ProjectState | None) -> Iterator[Refusal]:
    app = migration.app_label
    end = migration.mutate_state(before, preserve=True)
    step = Step(app, before, before, released, end)
    for operation in migration.operations:
        after = _applied(operation, app, step.after)
        step = replace(step, before=step.after, after=after)
        yield from _judge(operation, step)


def _applied(operation: Operation, app: str, state: ProjectState) -> ProjectState:
    after = state.clone()
    operation.state_forwards(app, after)
    return after


def _judge(operation: Operation, step: Step) -> Iterator[Refusal]:
    rule = RULES.get(type(operation))
    if rule is None:
        yield Refusal(type(operation).__name__, "is an operation that can't be judged here")
    else:
        yield from rule(operation, step)


# --- tables


def _create_model(operation: Any, step: Step) -> Iterator[Refusal]:
    step.created.add(step.key(operation.name))
    yield from ()


def _delete_model(operation: Any, step: Step) -> Iterator[Refusal]:
    model = step.before.models[step.key(operation.name)]
    if not _has_table(model):
        return
    if step.released is None or step.key(operation.name) in step.released.models:
        yield Refusal(operation.name.lower(), _dropped("table", step.released), provable=True)


def _rename_model(operation: Any, step: Step) -> Iterator[Refusal]:
    old = step.before.models[step.key(operation.old_name)]
    new = step.after.models[step.key(operation.new_name)]
    if _table(old) != _table(new) and not step.is_new(operation.old_name):
        yield Refusal(operation.old_name.lower(), "is renamed, and the old code asks for the old table")


def _alter_model_table(operation: Any, step: Step) -> Iterator[Refusal]:
    key = step.key(operation.name)
    if _table(step.before.models[key]) != _table(step.after.models[key]) and not step.is_new(operation.name):
        yield Refusal(operation.name.lower(), "gets another table, and the old code asks for the old one")


def _add_constraint(operation: Any, step: Step) -> Iterator[Refusal]:
    if not step.is_new(operation.model_name):
        subject = f"{operation.model_name.lower()}.{operation.constraint.name}"
        yield Refusal(subject, "is a new constraint, and the old code may write what it forbids")


def _alter_unique_together(operation: Any, step: Step) -> Iterator[Refusal]:
    key = step.key(operation.name)
    added = _unique_sets(step.after.models[key]) - _unique_sets(step.before.models[key])
    if added and not step.is_new(operation.name):
        names = ", ".join(sorted("+".join(names) for names in added))
        yield Refusal(operation.name.lower(), f"must become unique ({names}), and the old code may write twins")


# --- columns


def _add_field(operation: Any, step: Step) -> Iterator[Refusal]:
    added = operation.field
    if step.is_new(operation.model_name) or not _has_column(added):
        return
    if added.primary_key:
        yield Refusal(_subject(operation), "is a new primary key, and the old code uses the old one")
    elif not _can_stay_unfilled(added):
        yield Refusal(
            _subject(operation),
            "is NOT NULL without db_default, and the old code's INSERT does not name it: add null=True or db_default",
        )
    elif added.unique and not added.null:
        yield Refusal(_subject(operation), "is unique with a default, so the second row of the old code collides")


def _remove_field(operation: Any, step: Step) -> Iterator[Refusal]:
    released, key = step.released, step.key(operation.model_name)
    if released is not None and (key not in released.models or operation.name not in released.models[key].fields):
        return
    if key not in step.created:
        yield Refusal(_subject(operation), _dropped("column", released), provable=True)


def _rename_field(operation: Any, step: Step) -> Iterator[Refusal]:
    key = step.key(operation.model_name)
    old = _column(operation.old_name, step.before.models[key].fields[operation.old_name])
    new = _column(operation.new_name, step.after.models[key].fields[operation.new_name])
    if old != new and not step.is_new(operation.model_name):
        yield Refusal(
            f"{operation.model_name.lower()}.{operation.old_name}",
            f"is renamed, and the old code asks for {old}: keep the column by db_column={old!r}, "
            "or add a second one, write both, and drop the first a release later",
        )


def _alter_field(operation: Any, step: Step) -> Iterator[Refusal]:
    if step.is_new(operation.model_name):
        return
    key = step.key(operation.model_name)
    old = step.before.models[key].fields[operation.name]
    new = step.after.models[key].fields[operation.name]
    for reason in _narrowings(operation.name, old, new):
        yield Refusal(_subject(operation), reason)


def _narrowings(name: str, old: Field, new: Field) -> Iterator[str]:
    old_type, new_type = old.get_internal_type(), new.get_internal_type()
    if old_type != new_type and new_type not in WIDER.get(old_type, set()):
        yield f"changes its type from {old_type} to {new_type}: add a second column, write both, drop the first later"
    if _target(old) != _target(new):
        yield f"points to {_target(new)}, and the old code means {_target(old)}"
    if _column(name, old) != _column(name, new):
        yield f"moves to the column {_column(name, new)}, and the old code asks for {_column(name, old)}"
    if old.null and not new.null:
        yield "becomes NOT NULL, and the old code may write NULL"
    if (new.unique and not old.unique) or (new.primary_key and not old.primary_key):
        yield "becomes unique, and the old code may write twins"
    if _is_shorter(old, new):
        yield "becomes shorter, and the old code may write what no longer fits"
    if old.db_default is not NOT_PROVIDED and new.db_default is NOT_PROVIDED:
        yield "loses its db_default, on which the old code's INSERT rests"
    if getattr(old, "db_collation", None) != getattr(new, "db_collation", None):
        yield "changes its collation, so equal and unique mean something else to both"


def _is_shorter(old: Field, new: Field) -> bool:
    """In characters, or for decimals in digits before or behind the point."""
    if isinstance(old, models.DecimalField) and isinstance(new, models.DecimalField):
        old_places, new_places = old.decimal_places or 0, new.decimal_places or 0
        return new_places < old_places or (new.max_digits or 0) - new_places < (old.max_digits or 0) - old_places
    return new.max_length is not None and (old.max_length is None or new.max_length < old.max_length)


# --- data, and what happens to Django's knowledge alone


def _run(operation: Any, step: Step) -> Iterator[Refusal]:
    name = type(operation).__name__
    yield Refusal(name, "can't be judged by a linter: say in safe_beside_old_code why the old code bears it")


def _separate(operation: Any, step: Step) -> Iterator[Refusal]:
    inner = replace(step, after=step.before)
    for one in operation.database_operations:
        inner = replace(inner, before=inner.after, after=_applied(one, step.app, inner.after))
        yield from _judge(one, inner)
    inner = replace(step, after=step.before)
    for one in operation.state_operations:
        inner = replace(inner, before=inner.after, after=_applied(one, step.app, inner.after))
        if not operation.database_operations:
            yield from _judge_state_alone(one, inner)


def _judge_state_alone(operation: Any, step: Step) -> Iterator[Refusal]:
    if isinstance(operation, operations.RemoveField):
        left = step.before.models[step.key(operation.model_name)].fields[operation.name]
        if _has_column(left) and not _can_stay_unfilled(left):
            yield Refusal(
                _subject(operation),
                "is forgotten while its column stays NOT NULL without db_default, and the new code's INSERT does not "
                "name it: first give it null=True or db_default",
            )
    elif isinstance(operation, operations.AddField):
        if operation.name in step.end.models[step.key(operation.model_name)].fields:
            yield Refusal(_subject(operation), "is only known to Django: nothing adds its column")
    elif isinstance(operation, operations.CreateModel):
        if step.key(operation.name) in step.end.models:
            yield Refusal(operation.name.lower(), "is only known to Django: nothing creates its table")
    elif not isinstance(operation, operations.DeleteModel):
        yield Refusal(type(operation).__name__, "happens to Django's knowledge alone, which can't be judged here")


# --- facts about a field or a model


def _dropped(what: str, released: ProjectState | None) -> str:
    known = "the release before still uses it" if released else "no release is known here (git fetch --tags)"
    return f"loses its {what}, and {known}: first a release that forgets it, then one that drops it"


def _subject(operation: Any) -> str:
    return f"{operation.model_name.lower()}.{operation.name}"


def _has_column(one: Field) -> bool:
    return not one.many_to_many


def _can_stay_unfilled(one: Field) -> bool:
    return one.null or one.db_default is not NOT_PROVIDED or bool(getattr(one, "generated", False))


def _column(name: str, one: Field) -> str:
    return one.db_column or (f"{name}_id" if one.is_relation else name)


def _target(one: Field) -> str | None:
    deconstructed = one.deconstruct()[3].get("to")
    return str(deconstructed).lower() if deconstructed else None


def _table(model: ModelState) -> str:
    return str(model.options.get("db_table") or f"{model.app_label}_{model.name_lower}")


def _has_table(model: ModelState) -> bool:
    return not model.options.get("proxy") and bool(model.options.get("managed", True))


def _unique_sets(model: ModelState) -> set[tuple[str, ...]]:
    return {tuple(names) for names in model.options.get("unique_together") or ()}


def _harmless(operation: Any, step: Step) -> Iterator[Refusal]:
    yield from ()


RULES: dict[type[Operation], Callable[[Any, Step], Iterator[Refusal]]] = {
    operations.CreateModel: _create_model,
    operations.DeleteModel: _delete_model,
    operations.RenameModel: _rename_model,
    operations.AlterModelTable: _alter_model_table,
    operations.AddConstraint: _add_constraint,
    operations.AlterUniqueTogether: _alter_unique_together,
    operations.AddField: _add_field,
    operations.RemoveField: _remove_field,
    operations.RenameField: _rename_field,
    operations.AlterField: _alter_field,
    operations.RunSQL: _run,
    operations.RunPython: _run,
    operations.SeparateDatabaseAndState: _separate,
    operations.AddIndex: _harmless,
    operations.RemoveIndex: _harmless,
    operations.RenameIndex: _harmless,
    operations.RemoveConstraint: _harmless,
    operations.AlterConstraint: _harmless,
    operations.AlterModelOptions: _harmless,
    operations.AlterModelManagers: _harmless,
    operations.AlterModelTableComment: _harmless,
}
