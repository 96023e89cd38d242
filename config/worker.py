"""`gunicorn -k config.worker.Worker`: uvicorn's worker, with our sockets in place of ASGI ones, on the same port."""

from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    CONFIG_KWARGS = {
        "loop": "uvloop",
        "http": "config.handshake:HttpOrSocket",  # by name: gunicorn reads this file before Django is set up
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
    }
