"""Run the fake provider: `python -m tests.provider --port 0 --latency-ms 500`."""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.provider.server import Provider


async def serve(port: int, latency_ms: float) -> None:
    """Listen on 127.0.0.1 and print the address as the first line."""
    server = await Provider(latency_ms=latency_ms).listen(port)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Parse the command line and serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tests.provider", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="delay of every answer")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.latency_ms))


if __name__ == "__main__":
    main()
