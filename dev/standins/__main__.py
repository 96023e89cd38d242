"""`python -m dev.standins --port N`: Kakao's stand-in, until it is stopped."""

import argparse
import signal

from dev.standins.kakao import Kakao
from dev.standins.serving import server


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m dev.standins", description="Kakao Login for laptops and tests.")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    kakao = Kakao(f"http://127.0.0.1:{port}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with server(port, kakao.answer) as serving:
        print(f"Kakao's stand-in answers at {kakao.base_url}", flush=True)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            print("stopped", flush=True)


if __name__ == "__main__":
    main()
