"""A session of `requests` that follows nobody."""

import requests


class Session(requests.Session):
    """Never looks where a redirect leads: `requests` would read and inflate the whole of such an answer to do so."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""
