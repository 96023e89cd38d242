"""Rooms and messages over REST: own rooms only; somebody else's does not exist."""

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from drf_spectacular.utils import OpenApiResponse, extend_schema
from pymongo.errors import PyMongoError
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import selectors as accounts
from accounts.authentication import MemberRequest
from chat import presence, read_positions, selectors
from chat.fanout import announce
from chat.gateway import process
from chat.message_log import read
from chat.message_log.entry import Entry
from chat.message_log.read import LogUnreadable
from chat.models import Block
from chat.protocol import ErrorCode, moment
from chat.selectors import RoomFacts, RoomSummary
from chat.sending import check_text, refusal
from chat.serializers import (
    BlockBodySerializer,
    BlockSerializer,
    BlocksSerializer,
    MessageSerializer,
    MessagesSerializer,
    PageSerializer,
    PartnerSerializer,
    ReadSerializer,
    ReportBodySerializer,
    ReportSerializer,
    RoomSerializer,
    RoomsSerializer,
    SendSerializer,
)
from chat.services import blocks, reports
from chat.services import rooms as room_services
from core.errors import NotFound, Unavailable
from core.http.pages import NewestFirst
from core.http.throttles import MemberThrottle

SEND_WITHIN_S = 15


class ReportThrottle(MemberThrottle):
    scope = "report"


class NewestOpened(NewestFirst):
    ordering = ("-opens_at", "-id")  # type: ignore[assignment]  # DRF takes several, its stubs do not


class RoomsView(APIView):
    @extend_schema(operation_id="rooms", parameters=NewestFirst.PARAMETERS, responses=RoomsSerializer)
    def get(self, request: MemberRequest) -> Response:
        """One's own rooms, newest first."""
        pages = NewestOpened()
        page = pages.paginate_queryset(selectors.own_rooms(request.user.pk), request, view=self) or []
        rooms = selectors.rooms_with_history(request.user.pk, page)
        partners = _partners([room.partner for room in rooms])
        return pages.get_paginated_response([_room(room, partners[room.partner]) for room in rooms])


class RoomView(APIView):
    @extend_schema(operation_id="room", responses=RoomSerializer)
    def get(self, request: MemberRequest, room: int) -> Response:
        """One room of mine."""
        summary = selectors.summaries(request.user.pk, [own_room(request, room)])[0]
        return Response(_room(summary, _partners([summary.partner])[summary.partner]))


class PartnerView(APIView):
    @extend_schema(operation_id="room_partner", responses=PartnerSerializer)
    def get(self, request: MemberRequest, room: int) -> Response:
        """Who the other one is; a member who has left keeps a place and no face."""
        partner = own_room(request, room).partner_of(request.user.pk)
        return Response(_partners([partner])[partner])


class MessagesView(APIView):
    @extend_schema(operation_id="messages", parameters=[PageSerializer], responses=MessagesSerializer)
    def get(self, request: MemberRequest, room: int) -> Response:
        """By seq: newest first below `before`; with `after`, oldest first directly above it."""
        own_room(request, room)
        query = PageSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        before, after, limit = (query.validated_data.get(name) for name in ("before", "after", "limit"))
        entries = _stored(read.history, room, after=after, before=before, limit=limit + 1)  # one more: is there a next?
        page = entries[:limit]
        following = _page_behind(request, page[-1], query.validated_data) if len(entries) > limit else None
        return Response({"results": [selectors.message(entry) for entry in page], "next": following})

    @extend_schema(operation_id="send_message", request=SendSerializer, responses={201: MessageSerializer})
    def post(self, request: MemberRequest, room: int) -> Response:
        """The same send as the socket's; a repeat with the same client_id gets the first one's message."""
        facts = own_room(request, room)
        body = SendSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        text, mistake = check_text(body.validated_data["text"])
        if mistake is not None:
            raise refusal(mistake)
        chat = process.current()
        if chat is None:
            raise Unavailable()
        sending = chat.sending.send(facts, request.user.pk, body.validated_data["client_id"], text=text)
        try:
            entry = chat.call(sending, within_s=SEND_WITHIN_S)
        except (TimeoutError, LogUnreadable) as error:
            raise refusal(ErrorCode.UNAVAILABLE) from error
        presence.note_heard(request.user.pk)
        return Response(selectors.message(entry), status=201)


class ReadView(APIView):
    @extend_schema(operation_id="read_messages", request=ReadSerializer, responses={204: None})
    def post(self, request: MemberRequest, room: int) -> Response:
        """Read up to this seq; never downwards."""
        facts = own_room(request, room)
        body = ReadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        known = selectors.summaries(request.user.pk, [facts])[0]
        seq = min(body.validated_data["seq"], known.last_seq)
        if seq > known.my_read_seq:
            _stored(read_positions.write, room, request.user.pk, seq)
            announce.read(room, request.user.pk, seq)
            presence.note_heard(request.user.pk)
        return Response(status=204)


class LeaveView(APIView):
    @extend_schema(operation_id="leave_room", request=None, responses={204: None})
    def post(self, request: MemberRequest, room: int) -> Response:
        """Closes the room for both; leaving a closed one changes nothing."""
        own_room(request, room)
        room_services.leave(room, request.user.pk)
        return Response(status=204)


class BlocksView(APIView):
    @extend_schema(operation_id="blocks", parameters=NewestFirst.PARAMETERS, responses=BlocksSerializer)
    def get(self, request: MemberRequest) -> Response:
        """Whom I have blocked, the last one first."""
        pages = NewestFirst()
        page = pages.paginate_queryset(selectors.blocks_of(request.user.pk), request, view=self)
        return pages.get_paginated_response(_blocks(page or []))

    @extend_schema(
        operation_id="block",
        request=BlockBodySerializer,
        responses={201: BlockSerializer, 200: OpenApiResponse(BlockSerializer, "They were blocked already")},
    )
    def post(self, request: MemberRequest) -> Response:
        """Never meet somebody again, for ever; closes the room you share. They see no more than that you left it."""
        body = BlockBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        made, is_new = blocks.block(request.user.pk, _somebody_met(request, **body.validated_data))
        return Response(_blocks([made])[0], status=201 if is_new else 200)


class ReportsView(APIView):
    throttle_classes = [MemberThrottle, ReportThrottle]

    @extend_schema(
        operation_id="report",
        request=ReportBodySerializer,
        responses={201: ReportSerializer, 200: OpenApiResponse(ReportSerializer, "Told in the same words before")},
    )
    def post(self, request: MemberRequest) -> Response:
        """Tell staff of the other one in a room of mine; the last messages go with it. They are not told."""
        body = ReportBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        told = body.validated_data
        made, is_new = reports.report(own_room(request, told.pop("room")), request.user.pk, **told)
        return Response(ReportSerializer(made).data, status=201 if is_new else 200)


def own_room(request: MemberRequest, room: int) -> RoomFacts:
    """Raises NotFound for what does not exist and for what is somebody else's."""
    facts = selectors.room_of(request.user.pk, room)
    if facts is None:
        raise NotFound()
    return facts


def _stored(question: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return question(*args, **kwargs)
    except PyMongoError as error:
        raise Unavailable() from error


def _partners(members: list[int]) -> dict[int, dict[str, Any]]:
    """PARTNER of api.md."""
    faces, seen = accounts.faces(members), presence.look_up(members)
    return {
        member: {
            "id": member,
            "nickname": faces[member].nickname,
            "gender": faces[member].gender,
            "birth_year": faces[member].birth_year,
            "department": faces[member].department,
            "keywords": list(faces[member].keywords),
            "mood": faces[member].mood,
            "online": seen[member].online,
            "last_seen": None if (last := seen[member].last_seen) is None else moment(last),
        }
        for member in members
    }


def _somebody_met(request: MemberRequest, room: int | None = None, member: int | None = None) -> int:
    """Raises NotFound for a stranger as for nobody: no id can be tried out here."""
    partner = own_room(request, room).partner_of(request.user.pk) if room is not None else member
    if partner is None or member not in (None, partner) or not selectors.have_met(request.user.pk, partner):
        raise NotFound()
    return partner


def _blocks(made: list[Block]) -> list[dict[str, Any]]:
    """BLOCK of docs/api.md."""
    faces = accounts.faces([block.blocked for block in made])
    shown = [
        {"member": block.blocked, "nickname": faces[block.blocked].nickname, "created_at": block.created_at}
        for block in made
    ]
    return [dict(BlockSerializer(block).data) for block in shown]


def _room(room: RoomSummary, partner: dict[str, Any]) -> dict[str, Any]:
    """ROOM of api.md."""
    return dict(RoomSerializer({**asdict(room), "partner": partner}).data)


def _page_behind(request: MemberRequest, last: Entry, asked: dict[str, int]) -> str:
    """The page that begins where the one with this last entry ends, in the direction that was asked for."""
    moved = asked | {"after" if "after" in asked else "before": last.seq}
    return request.build_absolute_uri(f"{request.path}?{urlencode(moved)}")
