"""Choose the fastconv under test: the checkout if it has been built in place, else the installed package.

`python -m pytest` puts the checkout at the start of sys.path, so that its sources would be found without compiled
modules. A test that starts a Python process does so in the folder that holds the fastconv under test.
"""

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

CHECKOUT = str(Path(__file__).parent)
BUILT_IN_PLACE = any(Path(CHECKOUT, "fastconv", "_core" + suffix).exists() for suffix in EXTENSION_SUFFIXES)

sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != CHECKOUT]
sys.path.insert(0 if BUILT_IN_PLACE else len(sys.path), CHECKOUT)
