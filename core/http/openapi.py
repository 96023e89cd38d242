"""What drf-spectacular can't see by itself: every operation may be refused, always in the one shape of problems.py.

And a DELETE may have a body.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.openapi import AutoSchema

from core.http.problems import CONTENT_TYPE

Method = TypeVar("Method", bound=Callable[..., Any])

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. Decide by `code`, show `detail`.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "never changes"},
        "detail": {"type": "string", "description": "for people, in their language"},
        "errors": {
            "type": "array",
            "description": "the fields of a form that are wrong",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("attr", "code", "detail")},
                "required": ["attr", "code", "detail"],
            },
        },
        "until": {"type": ["string", "null"], "description": "when a suspension ends; null: never"},
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status", "code", "detail", "request_id"],
}
REFUSED = {
    "description": "Refused",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A postprocessing hook of drf-spectacular."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = REFUSED
    return result


class _DeleteWithBody(AutoSchema):
    def _get_request_body(self, *args: Any, **kwargs: Any) -> Any:
        """drf-spectacular leaves it out of every DELETE; that of a POST is the same."""
        self.method = "POST"
        try:
            return super()._get_request_body(*args, **kwargs)
        finally:
            self.method = "DELETE"


def with_body(delete: Method) -> Method:
    """Under `extend_schema(request=…)`, which builds on what it finds in `kwargs`: the document shows the body."""
    vars(delete)["kwargs"] = {"schema": _DeleteWithBody}
    return delete
