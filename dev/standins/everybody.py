"""All the outside services that Damso asks, behind one address."""

import json

from config import env
from dev.standins import devices, fcm, webpush
from dev.standins.devices import Devices
from dev.standins.exchange import Answer, Request
from dev.standins.fcm import Account, Fcm
from dev.standins.kakao import Kakao
from dev.standins.webpush import WebPush

REAL_PUSH_SERVICES = next(variable.default for variable in env.VARIABLES if variable.name == "WEB_PUSH_SERVICES")


def environment(base_url: str) -> dict[str, str]:
    """By which an application asks the stand-ins there. A real browser's push service is asked all the same."""
    return {
        "KAKAO_AUTH_URL": base_url,
        "KAKAO_API_URL": base_url,
        "WEB_PUSH_SERVICES": f"{REAL_PUSH_SERVICES},{base_url}",
        "FCM_URL": base_url,
        "FCM_SERVICE_ACCOUNT": json.dumps(fcm.service_account(base_url)),
    }


class Everybody:
    """`account`: the service account that may send by FCM; without one there is a new one."""

    def __init__(self, base_url: str, account: Account | None = None) -> None:
        self.base_url = base_url
        self.kakao = Kakao(base_url)
        self.webpush = WebPush(base_url)
        self.fcm = Fcm(account or fcm.service_account(base_url))
        self.devices = Devices(self.webpush, self.fcm)

    def answer(self, request: Request) -> Answer:
        if request.path == devices.PATH:
            return self.devices.answer(request)
        if request.path.startswith(webpush.PATH):
            return self.webpush.answer(request)
        if request.path == fcm.TOKEN_PATH or request.path.startswith(fcm.PROJECTS_PATH):
            return self.fcm.answer(request)
        return self.kakao.answer(request)
