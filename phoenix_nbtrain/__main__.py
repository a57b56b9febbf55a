"""``python -m phoenix_nbtrain``: the ``phoenix-nbtrain`` command where it is not on the PATH."""

import sys

from phoenix_nbtrain.cli import main

if __name__ == "__main__":
    sys.exit(main())
