"""What can be refused, with a stable code: raised by services, translated once for REST and once for the socket."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """A refusal that a client can act on.

    `code` is machine-readable and never changes; `detail` is in the member's language; `alarm` says whether operators
    should hear of it; `retry_after` is in seconds.
    """

    code = "invalid"
    status = 400
    detail: Any = _("This request can't be carried out.")
    alarm = False

    def __init__(
        self,
        detail: Any = None,
        *,
        code: str | None = None,
        errors: list[dict[str, Any]] | None = None,
        extra: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.code = code or self.code
        self.detail = detail if detail is not None else self.detail
        self.errors = errors or []
        self.extra = dict(extra or {})
        self.retry_after = retry_after
        super().__init__(self.code)


class Invalid(DomainError):
    """Something in the request is wrong; `errors` names each field: {attr, code, detail}."""


class NotSignedIn(DomainError):
    code, status = "not_authenticated", 401
    detail = _("Please sign in again.")


class Forbidden(DomainError):
    code, status = "forbidden", 403
    detail = _("You may not do this.")


class NotFound(DomainError):
    code, status = "not_found", 404
    detail = _("There is nothing here.")


class Conflict(DomainError):
    code, status = "conflict", 409
    detail = _("Something has changed in the meantime. Please look again.")


class Unavailable(DomainError):
    """A store or an outside service does not answer; nothing was done, and it is safe to try again."""

    code, status, alarm = "unavailable", 503, True
    detail = _("This is not possible right now. Please try again in a moment.")
