"""`python -m cbr_auditor`."""

import sys

from cbr_auditor.memory import no_collections

with no_collections():
    from cbr_auditor.cli import main

if __name__ == "__main__":
    sys.exit(main())
