"""Run the command line as ``python -m imagette``."""

from __future__ import annotations

import sys

from imagette.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
