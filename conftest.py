"""Chooses the fastconv that is tested: the checkout's where it has been built in place, else the installed one.

Both `python -m pytest`, which puts the checkout in front of everything installed, and a test that starts a Python of
its own would otherwise meet the checkout's sources without their compiled modules.
"""

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

CHECKOUT = str(Path(__file__).parent)
BUILT_IN_PLACE = any(Path(CHECKOUT, "fastconv", "_core" + suffix).exists() for suffix in EXTENSION_SUFFIXES)

sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != CHECKOUT]
sys.path.insert(0 if BUILT_IN_PLACE else len(sys.path), CHECKOUT)
if not BUILT_IN_PLACE:
    os.environ["PYTHONSAFEPATH"] = "1"
