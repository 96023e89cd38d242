"""The REST API of accounts: signing in, devices, members about themselves, the catalogue."""

import hashlib
import logging
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.translation import get_language
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import catalogue, cookies, device_names, forms, kakao, languages, nicknames, selectors, tokens
from accounts.authentication import MemberRequest, shown_access
from accounts.models import Member
from accounts.serializers import (
    AccessSerializer,
    CatalogueSerializer,
    DeviceListSerializer,
    DeviceSerializer,
    MemberSerializer,
    NicknameSerializer,
    SessionListSerializer,
    SessionSerializer,
    SignedInSerializer,
    SignInStartSerializer,
)
from accounts.services import devices, erasure, members, sessions, sign_in
from accounts.throttles import RefreshThrottle
from core.errors import NotSignedIn
from core.http.openapi import with_body
from core.http.throttles import SignInThrottle

logger = logging.getLogger(__name__)

CATALOGUE_MAX_AGE_SECONDS = 300
X_CLIENT = OpenApiParameter(
    "X-Client",
    str,
    OpenApiParameter.HEADER,
    enum=["native"],
    description="`native`: refresh tokens travel in bodies. Without it: in a cookie, and `Origin` must be ours.",
)


class KakaoLoginView(APIView):
    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = [SignInThrottle]

    @extend_schema(parameters=[forms.SignInStartQuery], responses=SignInStartSerializer, auth=[])
    def get(self, request: Request) -> Response:
        """Where to send the browser to sign in with Kakao."""
        query = forms.SignInStartQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        begun = sign_in.begin(next_path=asked["next"], redirect_uri=asked["redirect_uri"], challenge=asked["challenge"])
        response = Response(SignInStartSerializer(begun).data)
        patch_cache_control(response, no_store=True)
        return response


class CookieView(APIView):
    """Routes that take or give the refresh cookie: by browsers only from our own pages, in JSON."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        cookies.refuse_foreign(request)
        super().initial(request, *args, **kwargs)

    def tokens_of(self, opened: sessions.Opened) -> dict[str, Any]:
        access, expires_in = tokens.issue_access(
            opened.session.member_id,
            opened.session.id,
            language=opened.session.member.language,
            issued_at=opened.session.last_seen.timestamp(),
        )
        answer = {"access": access, "access_expires_in": expires_in}
        return answer | {"refresh": opened.refresh} if opened.session.client == "native" else answer

    def answer(self, opened: sessions.Opened, body: dict[str, Any], *, status: int = 200) -> Response:
        response = Response(body, status=status)
        patch_cache_control(response, no_store=True)
        if opened.session.client == "web":
            cookies.keep(response, opened.refresh)
        return response


class KakaoView(CookieView):
    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = [SignInThrottle]

    @extend_schema(
        parameters=[X_CLIENT],
        request=forms.SignInBody,
        responses={200: SignedInSerializer, 201: OpenApiResponse(SignedInSerializer, "A new member")},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Sign in with the code Kakao gave; creates the member at the first time."""
        body = forms.SignInBody(data=request.data)
        body.is_valid(raise_exception=True)
        signed_in = sign_in.complete(
            **body.validated_data,
            client=cookies.client_of(request),
            device=device_names.name_of(request.headers.get("User-Agent", "")),
            language=languages.asked_for(request) or settings.LANGUAGE_CODE,
        )
        answer = self.tokens_of(signed_in.opened) | {
            "next": signed_in.next,
            "member": MemberSerializer(signed_in.member).data,
        }
        return self.answer(signed_in.opened, answer, status=201 if signed_in.is_new else 200)


class RefreshView(CookieView):
    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = [RefreshThrottle]

    @extend_schema(parameters=[X_CLIENT], request=forms.RefreshBody, responses=AccessSerializer, auth=[])
    def post(self, request: Request) -> Response:
        """A new access token; the refresh token is replaced, the old one works 30 seconds more."""
        opened = sessions.refresh(cookies.shown_token(request), client=cookies.client_of(request))
        return self.answer(opened, self.tokens_of(opened))


class LogoutView(CookieView):
    """Works with a token of either kind alone: signing out must not need a fresh access token."""

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = [RefreshThrottle]

    @extend_schema(parameters=[X_CLIENT], request=forms.RefreshBody, responses={204: None}, auth=[])
    def post(self, request: Request) -> Response:
        """Sign this device out: of the refresh token shown, else of the access token. Done already is done as well."""
        if refresh := cookies.shown_token(request):
            sessions.sign_out(refresh)
        else:
            with suppress(tokens.InvalidToken):
                sessions.sign_out_of(shown_access(request))
        response = Response(status=204)
        cookies.drop(response)
        return response


class LogoutAllView(CookieView):
    @extend_schema(parameters=[X_CLIENT], request=None, responses={204: None})
    def post(self, request: MemberRequest) -> Response:
        """Sign out on every device."""
        sessions.end_all(request.user.id)
        response = Response(status=204)
        cookies.drop(response)
        return response


class SessionsView(APIView):
    @extend_schema(responses=SessionListSerializer)
    def get(self, request: MemberRequest) -> Response:
        """Where I am signed in, the last seen first; at most 100."""
        found = selectors.open_sessions(request.user.id)
        shown = SessionSerializer(found, many=True, context={"current": request.auth.session}).data
        return Response({"results": shown, "next": None})


class SessionView(APIView):
    @extend_schema(responses={204: None})
    def delete(self, request: MemberRequest, session_id: int) -> Response:
        """Sign a device out: its tokens work no more."""
        sessions.end_own(session_id, request.user.id)
        return Response(status=204)


class DevicesView(APIView):
    @extend_schema(responses=DeviceListSerializer)
    def get(self, request: MemberRequest) -> Response:
        """Where I get pushes, the last seen first; at most 20. And the key with which browsers subscribe to them."""
        shown = DeviceSerializer(
            selectors.devices(request.user.id), many=True, context={"current": request.auth.session}
        ).data
        return Response({"results": shown, "next": None, "web_push_key": settings.VAPID_PUBLIC_KEY or None})

    @extend_schema(
        request=forms.RegistrationBody,
        responses={201: DeviceSerializer, 200: OpenApiResponse(DeviceSerializer, "It was there already")},
    )
    def post(self, request: MemberRequest) -> Response:
        """Push to this device while it is signed in. Send it at each start: what is not seen for long is forgotten."""
        body = forms.RegistrationBody(data=request.data)
        body.is_valid(raise_exception=True)
        registered = devices.register(request.user.id, request.auth.session, **body.validated_data)
        shown = DeviceSerializer(registered.device, context={"current": request.auth.session}).data
        return Response(shown, status=201 if registered.is_new else 200)

    @extend_schema(request=forms.DeviceBody, responses={204: None})
    @with_body
    def delete(self, request: MemberRequest) -> Response:
        """Push to this device no more. Done already is done as well; of a PushSubscription the endpoint is enough."""
        body = forms.DeviceBody(data=request.data)
        body.is_valid(raise_exception=True)
        devices.remove(request.user.id, **body.validated_data)
        return Response(status=204)


class MeView(APIView):
    """Routed by mainpage, which adds leaving the service."""

    @extend_schema(responses=MemberSerializer)
    def get(self, request: MemberRequest) -> Response:
        """My profile, my preference, and what is still missing."""
        return shown(request.user)

    @extend_schema(request=forms.MemberBody(partial=True), responses=MemberSerializer)
    def patch(self, request: MemberRequest) -> Response:
        """Change any of it; all that is sent, or nothing."""
        context = forms.form_context(request.user)
        body = forms.MemberBody(data=request.data, partial=True, context=context)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        whole = context["stored"] | given
        member = members.save(
            request.user.id,
            profile=forms.profile_form(whole) if forms.PROFILE_FIELDS & given.keys() else None,
            preference=forms.preference_form(whole) if forms.PREFERENCE_FIELDS & given.keys() else None,
            language=given.get("language"),
            push_text=given.get("push_text"),
        )
        return shown(member)


class ProfileView(APIView):
    @extend_schema(request=forms.ProfileBody, responses=MemberSerializer)
    def put(self, request: MemberRequest) -> Response:
        """The first step of onboarding, complete or refused as a whole."""
        body = forms.ProfileBody(data=request.data, context=forms.form_context(request.user))
        body.is_valid(raise_exception=True)
        return shown(members.save(request.user.id, profile=forms.profile_form(body.validated_data)))


class PreferenceView(APIView):
    @extend_schema(request=forms.PreferenceBody, responses=MemberSerializer)
    def put(self, request: MemberRequest) -> Response:
        """The second step of onboarding, complete or refused as a whole."""
        body = forms.PreferenceBody(data=request.data, context=forms.form_context(request.user))
        body.is_valid(raise_exception=True)
        return shown(members.save(request.user.id, preference=forms.preference_form(body.validated_data)))


class ActiveView(APIView):
    @extend_schema(request=forms.ActiveBody, responses=MemberSerializer)
    def put(self, request: MemberRequest) -> Response:
        """Take part in the rounds, or sit out."""
        body = forms.ActiveBody(data=request.data)
        body.is_valid(raise_exception=True)
        return shown(members.set_active(request.user.id, active=body.validated_data["active"]))


class NicknameView(APIView):
    @extend_schema(parameters=[OpenApiParameter("value", str, required=True)], responses=NicknameSerializer)
    def get(self, request: MemberRequest) -> Response:
        """May I have this nickname? My own is free to me."""
        nickname = nicknames.normalised(request.query_params.get("value", ""))
        code = selectors.nickname_code(nickname, member_id=request.user.id)
        return Response({"value": nickname, "code": code, "detail": str(nicknames.DETAILS[code])})


class UnlinkedView(APIView):
    """Kakao expects 200 within three seconds whatever becomes of it, and stops telling us if it gets others.

    https://developers.kakao.com/docs/en/kakaologin/callback#unlink
    """

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = []
    parser_classes = [FormParser, JSONParser]

    @extend_schema(request=forms.UnlinkedBody, responses={200: None}, auth=[])
    def post(self, request: Request) -> Response:
        """Kakao's notice that a member cut the link: they leave the service. Kakao shows our admin key."""
        if not kakao.is_kakao(request.headers.get("Authorization", "")):
            raise NotSignedIn
        body = forms.UnlinkedBody(data=request.data)
        if not body.is_valid():
            logger.warning("an unlink notice of Kakao can't be read, or is for another app")
            return Response()
        try:
            erasure.unlinked_at_kakao(body.validated_data["user_id"])
        except DatabaseError:
            logger.exception("an unlink notice of Kakao could not be kept")
        return Response()


class CatalogueView(APIView):
    """The same for everybody, so that shared caches may keep it; by language."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(responses=CatalogueSerializer, auth=[])
    def get(self, request: Request) -> Any:
        """What an onboarding form needs: departments, keywords, moods, report reasons, limits. ETag."""
        content = catalogue.document(get_language() or settings.LANGUAGE_CODE)
        etag = f'"{hashlib.sha256(JSONRenderer().render(content)).hexdigest()[:32]}"'
        response = Response(content, headers={"ETag": etag})
        patch_cache_control(response, public=True, max_age=CATALOGUE_MAX_AGE_SECONDS)
        return get_conditional_response(request._request, etag=etag, response=response)


def shown(member: Member) -> Response:
    return Response(MemberSerializer(member).data)
