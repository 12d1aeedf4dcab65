"""``python -m pyhopper``: see :mod:`pyhopper.cli`."""

import sys

from pyhopper.cli import main

if __name__ == "__main__":
    sys.exit(main())
