"""The operators' site: Django's admin behind a second factor, with the pages that show how things stand."""

from django.urls import URLPattern, URLResolver, path
from django_otp.admin import OTPAdminSite

import mainpage.tonight_page
from config import status_page


class OperatorsSite(OTPAdminSite):
    site_title = site_header = "Damso"
    index_template = "config/operators.html"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        pages = [
            path("tonight/", self.admin_view(mainpage.tonight_page.page), name="tonight"),
            path("status/", self.admin_view(status_page.page), name="status"),
        ]
        return [*pages, *super().get_urls()]
