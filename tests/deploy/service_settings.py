"""A server's settings, and one answer that takes its time."""

from config.settings.server import *  # noqa: F403

STANDINS_ALLOWED = True  # else LOCAL_URLCONFS is refused
LOCAL_URLCONFS = ["tests.deploy.slow_answer"]
