from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from chat.asyncapi import document


@require_safe
def asyncapi(request: HttpRequest) -> JsonResponse:
    """The socket's AsyncAPI document, made from chat/protocol.py."""
    return JsonResponse(document())
