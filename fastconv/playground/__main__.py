"""Serve the playground: `python -m fastconv.playground [--port N] [--host H] [--no-browser]`."""

from __future__ import annotations

import argparse
import sys

from fastconv.playground.server import serve


def main(arguments: list[str] | None = None) -> None:
    """Serve the playground with the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m fastconv.playground", description="Neural networks to play with.")
    parser.add_argument("--port", type=int, help="port; 8765 by default, or a free port if it is taken")
    parser.add_argument("--host", default="127.0.0.1", help="address; 0.0.0.0 for a classroom, whose link has a token")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    options = parser.parse_args(arguments)
    try:
        serve(options.host, options.port, not options.no_browser)
    except (ImportError, OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
