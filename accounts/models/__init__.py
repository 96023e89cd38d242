from accounts.models.bar import Bar
from accounts.models.catalogue import Department, Keyword, Mood
from accounts.models.device import Device
from accounts.models.member import Member, Preference, Profile, ProfileKeyword
from accounts.models.session import RefreshToken, Session

__all__ = [
    "Bar",
    "Department",
    "Device",
    "Keyword",
    "Member",
    "Mood",
    "Preference",
    "Profile",
    "ProfileKeyword",
    "RefreshToken",
    "Session",
]
