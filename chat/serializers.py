"""What REST takes and shows of rooms and messages."""

from typing import Any

from django.core.validators import ProhibitNullCharactersValidator, RegexValidator
from rest_framework import serializers

from accounts.catalogue import REPORT_REASONS
from chat.protocol import CLIENT_ID
from chat.services.reports import MAX_DETAIL, MAX_SEQS
from core.http.times import Moment


class PartnerSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    nickname = serializers.CharField()
    gender = serializers.CharField(allow_null=True)
    birth_year = serializers.IntegerField(allow_null=True)
    department = serializers.CharField(allow_null=True)
    keywords = serializers.ListField(child=serializers.CharField())
    mood = serializers.CharField(allow_null=True)
    online = serializers.BooleanField()
    last_seen = serializers.CharField(allow_null=True)


class RoomSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["open", "closed"])
    opens_at = Moment()
    closes_at = Moment()
    closed_reason = serializers.CharField(allow_null=True)
    closed_by = serializers.IntegerField(allow_null=True, help_text="who left; null when nobody did")
    last_seq = serializers.IntegerField()
    my_read_seq = serializers.IntegerField()
    partner_read_seq = serializers.IntegerField()
    unread = serializers.IntegerField()
    partner = PartnerSerializer()


class MessageSerializer(serializers.Serializer):
    room = serializers.IntegerField()
    seq = serializers.IntegerField()
    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=["text", "closed"])
    sender = serializers.IntegerField()
    client_id = serializers.CharField()
    text = serializers.CharField()
    sent_at = serializers.CharField()


class RoomsSerializer(serializers.Serializer):
    results = RoomSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class MessagesSerializer(serializers.Serializer):
    results = MessageSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class ExactText(serializers.CharField):
    """Text as the socket takes it: no number made into text, nothing trimmed, zeros allowed, no half surrogate pair."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)
        self.validators = [each for each in self.validators if not isinstance(each, ProhibitNullCharactersValidator)]

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


class SendSerializer(serializers.Serializer):
    client_id = ExactText(validators=[RegexValidator(CLIENT_ID)])
    text = ExactText(allow_blank=True)


class ReadSerializer(serializers.Serializer):
    seq = serializers.IntegerField(min_value=0, max_value=2**53 - 1)


class BlockBodySerializer(serializers.Serializer):
    """Whom: the other one in a room of mine, or somebody I have met, by id."""

    room = serializers.IntegerField(min_value=1, max_value=2**53 - 1, required=False)
    member = serializers.IntegerField(min_value=1, max_value=2**53 - 1, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError({"room": [self.fields["room"].error_messages["required"]]}, "required")
        return attrs


class BlockSerializer(serializers.Serializer):
    member = serializers.IntegerField()
    nickname = serializers.CharField()
    created_at = Moment()


class BlocksSerializer(serializers.Serializer):
    results = BlockSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class ReportBodySerializer(serializers.Serializer):
    room = serializers.IntegerField(min_value=1, max_value=2**53 - 1)
    reason = serializers.ChoiceField(choices=list(REPORT_REASONS))
    seqs = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**53 - 1), max_length=MAX_SEQS, default=list
    )
    detail = serializers.CharField(max_length=MAX_DETAIL, allow_blank=True, default="")
    close_room = serializers.BooleanField(default=False)


class ReportSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    room = serializers.IntegerField()
    reason = serializers.CharField()
    detail = serializers.CharField()
    created_at = Moment()


class PageSerializer(serializers.Serializer):
    before = serializers.IntegerField(min_value=0, max_value=2**53 - 1, required=False)
    after = serializers.IntegerField(min_value=0, max_value=2**53 - 1, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=100, default=50)
