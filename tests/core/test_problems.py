"""Problem documents that DRF has no part in read like DRF's own."""

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import translation

from core.http import problems


def test_an_unknown_path_is_told_in_plain_korean(client: Client) -> None:
    answer = client.get("/nowhere", headers={"Accept-Language": "ko"})

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert '"detail":"여기에는 아무것도 없어요."' in answer.content.decode()


@pytest.mark.parametrize(
    ("handler", "status", "detail"),
    [
        (lambda request: problems.bad_request(request, Exception()), 400, "이 요청은 처리할 수 없어요."),
        (lambda request: problems.forbidden(request, Exception()), 403, "이 일은 할 수 없어요."),
        (problems.server_error, 500, "저희 쪽에서 문제가 생겼어요. 잠시 뒤에 다시 해 주세요."),
    ],
)
def test_so_is_what_django_refuses(handler, status: int, detail: str, rf: RequestFactory) -> None:
    with translation.override("ko"):
        answer: HttpResponse = handler(rf.get("/"))

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert f'"detail":"{detail}"' in answer.content.decode()
