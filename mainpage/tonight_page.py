"""The operators' picture of tonight: `tonight` drawn as a page, without a script."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.errors import Unavailable
from mainpage import tonight
from mainpage.tonight import Hour, Stage, Tonight

STAGES = {
    "entry": _("Entry closes"),
    "pairing": _("Pairing"),
    "opening": _("Rooms open"),
    "closing": _("Rooms close"),
    "sweeping": _("Silence is swept"),
}

COUNTED = {
    "entry": _("people %(count)s"),
    "pairing": _("pairs %(count)s"),
    "opening": _("rooms %(count)s"),
}

# The chart in SVG units; the browser scales it.
WIDTH, HEIGHT, LEFT, TOP = 720, 172, 44, 12
LISTED = 200  # members who met nobody, in one address
LABELLED_EVERY = 4
LINES = 4


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    is_tonight: bool
    label: datetime | None
    label_x: float


@dataclass(frozen=True, slots=True)
class Line:
    y: float
    messages: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Messages an hour; `most` and `least` for those who can't see it."""

    bars: list[Bar]
    lines: list[Line]
    most: Hour
    least: Hour


def page(request: HttpRequest) -> HttpResponse:
    """The caller (the operators' site) has checked who asks and set the time zone."""
    now = timezone.now()
    try:
        night = tonight.read(now)
    except Unavailable as error:
        return _rendered(request, {"problem": error.detail}, status=503)
    return _rendered(request, {"now": now, "night": night} | (_drawn(night) if night else {}))


def _rendered(request: HttpRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    return render(request, "mainpage/tonight.html", admin.site.each_context(request) | context, status=status)


def _drawn(night: Tonight) -> dict[str, Any]:
    return {
        "stages": [(STAGES[stage.name], _counted(stage), stage) for stage in night.stages],
        "chart": _chart(night.hours) if any(hour.tonight or hour.last_night for hour in night.hours) else None,
        "paired_share": round(200 * night.pairs / night.taking_part) if night.taking_part else None,
        "talking_share": round(100 * night.rooms.talking / night.rooms.total) if night.rooms.total else None,
        "listed": ",".join(map(str, night.alone[:LISTED])),
        "outnumbered_width": _share(night.unpaired.outnumbered, night.unpaired.total),
        "others_width": _share(night.unpaired.others, night.unpaired.total),
    }


def _counted(stage: Stage) -> str:
    return "" if stage.count is None else COUNTED[stage.name] % {"count": intcomma(stage.count)}


def _share(part: int, whole: int) -> int:
    return round(100 * part / whole) if whole else 0


def _chart(hours: list[Hour]) -> Chart:
    """One bar an hour: last night's rooms until tonight's have something to show."""
    highest = _round_up(max(max(hour.tonight, hour.last_night) for hour in hours))
    step = (WIDTH - LEFT) / len(hours)
    bars = []
    for place, hour in enumerate(hours):
        is_tonight = hour.tonight > 0
        messages = hour.tonight if is_tonight else hour.last_night
        height = max(3, HEIGHT * messages / highest) if messages else 0
        x, width = LEFT + place * step + 3, step - 6
        label = timezone.localtime(hour.begins) if place % LABELLED_EVERY == 0 else None
        bars.append(Bar(x, TOP + HEIGHT - height, width, height, is_tonight, label, label_x=x + width / 2))
    lines = [Line(TOP + HEIGHT - HEIGHT * n / (LINES - 1), highest * n // (LINES - 1)) for n in range(LINES)]
    by_messages = sorted(hours, key=lambda hour: hour.tonight + hour.last_night)
    return Chart(bars, lines, most=by_messages[-1], least=by_messages[0])


def _round_up(number: int) -> int:
    """The next number that divides well into three: 3, 6, 9, 15, 30, 60, 90, 150 …"""
    size = 1
    while True:
        for digit in (3, 6, 9, 15):
            if number <= digit * size:
                return digit * size
        size *= 10
