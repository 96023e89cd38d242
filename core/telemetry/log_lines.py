"""Log lines as ECS JSON, with the release and the colour that wrote them; of an exception, no word."""

import logging
import re
from typing import Any

import ecs_logging
from django.conf import settings

# What django.request adds is the whole request, query string and all. The others stand in the line already (message,
# log.logger), or tell nobody anything, and took a third of the time that a line takes.
LEFT_OUT = ["request", "log.original", "log.origin", "process.name", "process.thread"]
_NUMBER = re.compile(r"(?:\w+: )?[(\[](?:Errno )?(\d{1,4})\b")


class EcsFormatter(ecs_logging.StdlibFormatter):
    def __init__(self) -> None:
        super().__init__(exclude_fields=LEFT_OUT)
        self._service = {
            "name": "damso",
            "version": settings.RELEASE,
            "environment": settings.ENVIRONMENT,
        }
        self._labels = {"colour": settings.COLOUR or "none"}

    def format_to_ecs(self, record: logging.LogRecord) -> dict[str, Any]:
        line: dict[str, Any] = super().format_to_ecs(record)
        line["service"], line["labels"] = self._service, self._labels
        if "message" in line.get("error", {}):
            line["error"]["message"] = without_words(line["error"]["type"], line["error"]["message"])
        return line


def without_words(kind: str, message: str) -> str:
    """An exception's class and, of the stores and the system, its number.

    Its words may repeat what somebody wrote or is: a duplicate entry, a document that was refused, a text that is no
    number.
    """
    number = _NUMBER.match(message)
    return f"{kind} {number[1]}" if number else kind
