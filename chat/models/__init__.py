from chat.models.block import Block
from chat.models.report import Report, ReportedMessage
from chat.models.room import Room, RoomMember

__all__ = ["Block", "Report", "ReportedMessage", "Room", "RoomMember"]
