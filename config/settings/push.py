"""What of Web Push's key everybody may know."""

from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from config.env import decoded


def public_key(private_key: str) -> str:
    """The public half, an uncompressed point in base64url: what a browser subscribes with (RFC 8292, 3.2)."""
    if not private_key:
        return ""
    key = ec.derive_private_key(int.from_bytes(decoded(private_key)), ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return urlsafe_b64encode(point).rstrip(b"=").decode()
