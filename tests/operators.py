"""Staff at the admin: signed in, with the second factor shown."""

from django.contrib.auth.models import Permission, User
from django.test import Client
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice


def operator(username: str = "keeper", *, language: str = "en", may: list[str] | None = None) -> Client:
    """`may`: nothing but this, such as "view_room"."""
    if may is None:
        user = User.objects.create_superuser(username)
    else:
        user = User.objects.create_user(username, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=may))
    device = TOTPDevice.objects.create(user=user, name="app")
    client = Client(headers={"Accept-Language": language})
    client.force_login(user)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = device.persistent_id
    session.save()
    return client
