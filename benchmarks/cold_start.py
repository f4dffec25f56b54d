"""What a timer's invocation costs when there is nothing to audit: import the handler, run it once."""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from handler import handler  # only now is it found


class Context:
    def getToken(self) -> str:  # noqa: N802  # the platform's name
        return "benchmark"

    def getLogger(self) -> logging.Logger:  # noqa: N802  # the platform's name
        return logging.getLogger()


handler({"trigger_type": "TIMER", "trigger_name": "daily"}, Context())
