from config.settings.test import *  # noqa: F403
from config.settings.test import INSTALLED_APPS

INSTALLED_APPS += ["tests.core.mistakes.Mistakes"]
LOCAL_URLCONFS = ["tests.core.mistakes"]
