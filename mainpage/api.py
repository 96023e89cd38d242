from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.http.pages import NewestFirst
from mainpage import selectors
from mainpage.bulletin import announcement
from mainpage.models import Notice
from mainpage.serializers import MainPageSerializer, NoticeSerializer


class MainView(APIView):
    @extend_schema(operation_id="main", responses=MainPageSerializer)
    def get(self, request: Request) -> Response:
        """Where a member stands right now, and everything the main page shows."""
        page = selectors.main_page(request.user, timezone.now())
        return Response(MainPageSerializer(page).data)


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
