"""``python -m coursekit`` is the command ``coursekit``."""

import sys

from .classroom.cli import main

sys.exit(main())
