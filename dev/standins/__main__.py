"""`python -m dev.standins --port N`: Kakao, a browsers' push service and FCM, until it is stopped."""

import argparse
import json
import os
import signal

from dev.standins.everybody import Everybody
from dev.standins.serving import server


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m dev.standins", description="Kakao Login, Web Push and FCM for laptops and tests."
    )
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    # The key that the application signs with is the one to verify with.
    everybody = Everybody(f"http://127.0.0.1:{port}", json.loads(os.environ.get("FCM_SERVICE_ACCOUNT") or "null"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with server(port, everybody.answer) as serving:
        print(f"The stand-ins answer at {everybody.base_url}", flush=True)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            print("stopped", flush=True)


if __name__ == "__main__":
    main()
