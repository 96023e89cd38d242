from django.db import models
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    """What staff did, as the audit log keeps it and as they read it. A code that was ever written stays."""

    WARN = "warn", _("warned a member")
    SUSPEND = "suspend", _("suspended a member")
    LIFT_SUSPENSION = "lift_suspension", _("lifted a suspension")
    REMOVE = "remove", _("removed a member for good")
    EXPORT = "export", _("exported what is held about a member")
    ERASE = "erase", _("erased a member")
    LIFT_BLOCK = "lift_block", _("lifted a block")
    CLOSE_ROOM = "close_room", _("closed a room")
    READ_REPORT = "read_report", _("read a report")
    REPORT_HANDLED = "report_handled", _("handled a report")
    REPORT_DISMISSED = "report_dismissed", _("dismissed a report")
    PURGE_CHAT = "purge_chat", _("deleted what was said long ago")
    DELETE_ROWS = "delete_rows", _("deleted rows")
    RESTORE_ROWS = "restore_rows", _("brought rows back")
    SECOND_FACTOR = "second_factor", _("gave a second factor")


def named(code: str) -> str:
    """For people; one that this version does not know as it is."""
    return str(dict(Action.choices).get(code, code))
