from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import cookies
from accounts.api import MeView as AccountsMeView
from accounts.authentication import MemberRequest
from core.http.pages import NewestFirst
from core.http.throttles import MemberThrottle
from mainpage import export, selectors, withdrawal
from mainpage.bulletin import announcement
from mainpage.models import Notice
from mainpage.serializers import MainPageSerializer, NoticeSerializer


class MainView(APIView):
    @extend_schema(operation_id="main", responses=MainPageSerializer)
    def get(self, request: Request) -> Response:
        """Where a member stands right now, and everything the main page shows."""
        page = selectors.main_page(request.user, timezone.now())
        return Response(MainPageSerializer(page).data)


class MeView(AccountsMeView):
    @extend_schema(operation_id="withdraw", responses={204: None})
    def delete(self, request: MemberRequest) -> Response:
        """Leave the service for good. 409 `round_in_progress` while tonight's partner would be left alone."""
        withdrawal.withdraw(request.user.pk)
        response = Response(status=204)
        cookies.drop(response)
        return response


class ExportThrottle(MemberThrottle):
    scope = "export"


class ExportView(APIView):
    throttle_classes = [MemberThrottle, ExportThrottle]

    @extend_schema(operation_id="export", responses=OpenApiTypes.OBJECT)
    def get(self, request: MemberRequest) -> StreamingHttpResponse:
        """Everything held about me, as one JSON object. Nothing that others said."""
        response = StreamingHttpResponse(export.written(request.user.pk), content_type="application/json")
        response["Content-Disposition"] = 'attachment; filename="damso.json"'
        patch_cache_control(response, no_store=True)
        return response


class NewestPublished(NewestFirst):
    page_size = 20
    ordering = "-published_at"


class NoticesView(ListAPIView[Notice]):
    serializer_class = NoticeSerializer
    pagination_class = NewestPublished

    def get_queryset(self) -> QuerySet[Notice]:
        return Notice.objects.shown(timezone.now())

    @extend_schema(operation_id="notices")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Operators' announcements, newest first, in the request's language."""
        page = self.paginate_queryset(self.get_queryset()) or []
        texts = [selectors.in_language(announcement(notice)) for notice in page]
        return self.get_paginated_response(NoticeSerializer(texts, many=True).data)
