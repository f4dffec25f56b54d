"""`python -m cbr_auditor`."""

import sys

from cbr_auditor.cli import main

if __name__ == "__main__":
    sys.exit(main())
