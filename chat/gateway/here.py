"""Who has a socket in this process: every session, and those of each member."""

import time

from chat.gateway.clock import clock
from chat.gateway.session import Session
from chat.selectors import RoomFacts


class Here:
    def __init__(self) -> None:
        self.sessions: set[Session] = set()  # also those that have not identified yet
        self._of_member: dict[int, tuple[Session, ...]] = {}  # in order of arrival

    def __contains__(self, member: int) -> bool:
        return member in self._of_member

    def members(self) -> list[int]:
        return list(self._of_member)

    def sessions_of(self, member: int) -> tuple[Session, ...]:
        """In order of arrival; also those that are about to close."""
        return self._of_member.get(member, ())

    def sessions_in(self, room: RoomFacts) -> list[Session]:
        """A member's devices may have heard of a room at different times: each is asked what it has."""
        return [session for member in room.members for session in self.sessions_of(member)]

    def came_of(self, member: int) -> list[int]:
        """When each of the member's sockets came, microseconds since 1970."""
        return [session.came for session in self.sessions_of(member)]

    def heard_of(self, member: int) -> int:
        """When the last frame came from any of the member's sockets, milliseconds since 1970; 0: none is here."""
        return max(map(heard_of, self.sessions_of(member)), default=0)

    def count_in(self, session: Session) -> None:
        session.came = time.time_ns() // 1000
        self._of_member[session.member] = (*self.sessions_of(session.member), session)

    def count_out(self, session: Session) -> bool:
        """Whether this was the member's last socket here."""
        sessions = self.sessions_of(session.member)
        if session not in sessions:
            return False
        others = tuple(each for each in sessions if each is not session)
        if others:
            self._of_member[session.member] = others
        else:
            del self._of_member[session.member]
        return not others


def heard_of(session: Session) -> int:
    """The clock of the sockets is late by a tick; of its arrival the time is known."""
    return max(clock.in_ms(session.socket.heard), session.came // 1000)
