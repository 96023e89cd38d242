"""A plain Channels project; the layer is chosen by LAYER.

channels-redis 4.3 with redis-py 8 needs two settings to work at all (channels_redis#422): reads without a time limit,
and more connections than the default pool has.
"""

import os

LAYERS = {
    "core": "channels_redis.core.RedisChannelLayer",
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}

SECRET_KEY = "of the bench alone"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "tests.bench.channels_chat.asgi"
INSTALLED_APPS = ["channels"]
LOGGING_CONFIG = None
HOST = {"address": os.environ["REDIS_URL"], "socket_timeout": None, "max_connections": 20_000}
CHANNEL_LAYERS = {"default": {"BACKEND": LAYERS[os.environ["LAYER"]], "CONFIG": {"hosts": [HOST]}}}
