"""Every error that the auditor raises on purpose.

AuditorError                what happened, with the value; then what to do about it
 ├─ SettingsError           a setting is wrong: nothing was requested (exit status 2)
 │   └─ RuleError           a rule's file, option or pattern is wrong
 ├─ ListingError            a request to CBR was given up
 │   ├─ AccessError         401 or 403: the token ended, or the agency lacks an IAM action
 │   ├─ NotFoundError       404: wrong region or project, or the backup is gone
 │   ├─ UnreachableError    no answer: DNS, TLS, refused, reset, timed out
 │   ├─ AnswerError         an answer that cannot be read: HTML, truncated JSON, too large, a redirect
 │   └─ DeadlineError       the time that is kept for reporting has come
 ├─ DeployError             FunctionGraph refused a step of a deployment; those before it were done (exit status 1)
 ├─ ReportError             the report could not be rendered or written (exit status 5)
 ├─ DeliveryError           one channel failed; the others were served
 └─ AuditFailedError        raised out of the function after all was delivered that could be
"""


class AuditorError(Exception):
    """What happened, as one sentence with the value, then one imperative sentence that says what to do."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what, mend)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        what = self.what if self.what.endswith((".", "!", "?")) else f"{self.what}."
        return f"{what} {self.mend}".rstrip()


class SettingsError(AuditorError):
    """A setting is wrong; the sentence names the variable, its value (secrets masked) and the mend."""


class RuleError(SettingsError):
    """A rule cannot be loaded or configured; the sentence names its file or its place in auditor.toml."""


class ListingError(AuditorError):
    """A request to CBR was given up.

    `status` is the HTTP status, or None where no answer came; `passing` whether asking again can help; `wait` how many
    seconds the server asks to wait before.
    """

    def __init__(self, what: str, mend: str = "", status: int | None = None, *, passing: bool = False) -> None:
        super().__init__(what, mend)
        self.status = status
        self.passing = passing
        self.wait = 0.0
        self.at: float | None = None
        """When it came, by the monotonic clock, where that is not now."""


class AccessError(ListingError):
    """401 or 403: the token is wrong or has ended, or an IAM action is missing: then `action` names it."""

    action = ""


class NotFoundError(ListingError):
    """404: the region or project is wrong, or the backup is gone."""


class UnreachableError(ListingError):
    """No answer came: DNS, TLS, connection refused or reset, time-out."""


class AnswerError(ListingError):
    """An answer came that is not the API's: HTML, truncated JSON, too large. Proxies send such, so it may pass."""

    def __init__(self, what: str, mend: str = "", status: int | None = None, *, passing: bool = True) -> None:
        super().__init__(what, mend or "Check that the endpoint is CBR's.", status, passing=passing)


class DeadlineError(ListingError):
    """The time that is kept for reporting has come; what was not asked for stays unseen."""


class DeployError(AuditorError):
    """FunctionGraph refused a step of a deployment, or did not answer it; `code` is its error code, as FSS.1051."""

    def __init__(self, what: str, mend: str = "", code: str = "") -> None:
        super().__init__(what, mend)
        self.code = code


class ReportError(AuditorError):
    """The report could not be rendered or written."""


class DeliveryError(AuditorError):
    """A message could not be handed to its channel."""


class AuditFailedError(AuditorError):
    """The run ends in an error that an operator must act on; what could be delivered was delivered."""
