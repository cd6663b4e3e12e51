"""``python -m coursekit`` is the command ``coursekit``."""

import sys

from .cli import main

sys.exit(main())
