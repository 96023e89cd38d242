"""`/dev/slow`: an answer that takes a second or two, so that some are always under way."""

import random
import time

from django.http import HttpRequest, HttpResponse
from django.urls import path


def slow(request: HttpRequest) -> HttpResponse:
    time.sleep(random.uniform(1, 2))
    return HttpResponse("ok")


urlpatterns = [path("slow", slow)]
