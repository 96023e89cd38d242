"""What the main page shows, field by field (the shapes of selectors.MainPage)."""

from rest_framework import serializers

from chat.serializers import MessageSerializer
from core.http.times import Moment


class MainPartnerSerializer(serializers.Serializer):
    """Who has left has a nickname that says so, and nothing else."""

    id = serializers.IntegerField()
    nickname = serializers.CharField()
    gender = serializers.CharField(allow_null=True)
    birth_year = serializers.IntegerField(allow_null=True)
    department = serializers.CharField(allow_null=True)
    keywords = serializers.ListField(child=serializers.CharField())
    mood = serializers.CharField(allow_null=True)
    online = serializers.BooleanField()


class MainRoomSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    state = serializers.CharField(help_text="open or closed")
    opens_at = Moment()
    closes_at = Moment()
    closed_reason = serializers.CharField(allow_null=True)
    partner = MainPartnerSerializer()
    last_seq = serializers.IntegerField()
    my_read_seq = serializers.IntegerField()
    partner_read_seq = serializers.IntegerField()
    unread = serializers.IntegerField()
    last_message = MessageSerializer(allow_null=True)


class NightSerializer(serializers.Serializer):
    date = serializers.DateField()
    entry_closes_at = Moment()
    opens_at = Moment()
    closes_at = Moment()


class LastRoundSerializer(serializers.Serializer):
    date = serializers.DateField()
    outcome = serializers.ChoiceField(choices=["paired", "unpaired"])


class NoticeSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    body = serializers.CharField()
    pinned = serializers.BooleanField()
    published_at = Moment()


class MainPageSerializer(serializers.Serializer):
    phase = serializers.ChoiceField(choices=["onboarding", "waiting", "inactive", "matched", "closed"])
    server_time = Moment()
    counts_down_to = Moment()
    round = NightSerializer()
    active = serializers.BooleanField()
    inactive_reason = serializers.ChoiceField(choices=["self", "ghost"], allow_null=True)
    room = MainRoomSerializer(allow_null=True)
    last_round = LastRoundSerializer(allow_null=True)
    notices = NoticeSerializer(many=True)
