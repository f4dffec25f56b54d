"""Who asks the cloud: how the requests of each project are authorised, and which project a name means."""

from typing import TYPE_CHECKING

from requests.auth import AuthBase

from cbr_auditor.clock import Deadline
from cbr_auditor.errors import ListingError, SettingsError
from cbr_auditor.http_retry import PATIENT, Patience
from cbr_auditor.settings import PREFIX, Settings
from cbr_auditor.target import Credentials, TargetSettings, sign_in

if TYPE_CHECKING:
    from cbr_auditor.cloud.iam import User
    from cbr_auditor.cloud.service import Service

# What needs IAM is imported where it is used: a function's agency needs none of it, and every cold start would pay.


class Access:
    """Signs in to the projects of the settings. A user who logs in to several of them is one `User`."""

    def __init__(self, settings: Settings, deadline: Deadline, patience: Patience = PATIENT) -> None:
        self._settings = settings
        self._deadline = deadline
        self._patience = patience
        self._users: dict[tuple[str, str, str | None], User] = {}

    def targets(self) -> list[tuple[TargetSettings, AuthBase]]:
        """Each project to audit, and who asks there. IAM is asked where one is known by its name only.

        Where IAM does not tell, every request of that project says why. Raises `SettingsError`.
        """
        settings = self._settings
        if settings.targets:
            return [(target, self._auth(target)) for target in settings.targets]
        if settings.project_id:
            target = TargetSettings(project_id=settings.project_id)
            return [(target, self._auth(target))]
        if not settings.project_name:
            raise SettingsError(f"{PREFIX}PROJECT_ID is not set", "Set it to the id of the project to audit.")
        return [self._named(settings.project_name)]

    def own(self) -> tuple[TargetSettings, AuthBase]:
        """The project that the settings' own credentials are for, else the first that is audited.

        Raises `SettingsError`.
        """
        settings = self._settings
        if settings.targets and settings.project_id and (settings.token or settings.access_key or settings.username):
            target = TargetSettings(project_id=settings.project_id)
            return target, self._auth(target)
        return self.targets()[0]

    def service(self, name: str, endpoint: str) -> "Service":
        """A service of the cloud at its endpoint."""
        from cbr_auditor.cloud.service import Service  # noqa: PLC0415  # as said above

        ca_file = str(self._settings.ca_file) if self._settings.ca_file else None
        setting = f"{PREFIX}{name.upper()}_ENDPOINT"
        return Service(endpoint, self._deadline, setting=setting, ca_file=ca_file, patience=self._patience)

    def _auth(self, target: TargetSettings) -> AuthBase:
        settings = self._settings
        own = settings.project_id or (target.project_id if not settings.targets else None)
        return sign_in(
            target.project_id,
            f"auditor.toml, [[targets]] {target.name or target.project_id}" if settings.targets else "the settings",
            self._deadline.clock,
            target,
            settings.credentials,
            own_project=own,
            log_in=self._log_in,
        )

    def _log_in(self, credentials: Credentials, project_id: str) -> AuthBase:
        from cbr_auditor.cloud.iam import PasswordAuth  # noqa: PLC0415  # as said above

        return PasswordAuth(self._user(credentials), project_id)

    def _user(self, credentials: Credentials) -> "User":
        from cbr_auditor.cloud.iam import User  # noqa: PLC0415  # as said above

        assert credentials.username is not None
        assert credentials.password is not None
        who = (credentials.username, credentials.password.get_secret_value(), credentials.domain_name)
        if who not in self._users:
            self._users[who] = User(self.service("iam", self._settings.address("iam")), *who)
        return self._users[who]

    def _named(self, name: str) -> tuple[TargetSettings, AuthBase]:
        """The project of that name. What IAM said instead is what its requests will say."""
        from cbr_auditor.cloud.iam import FailedAuth, find_project  # noqa: PLC0415  # as said above

        assert self._settings.endpoint  # or it is refused before IAM is asked
        unknown = TargetSettings.model_construct(project_id=name, name=name[:60])
        anywhere = self._auth(TargetSettings.model_construct(project_id=""))
        credentials = self._settings.credentials
        try:
            if credentials.token or credentials.access_key:
                ident = find_project(self.service("iam", self._settings.address("iam")), name, anywhere)
            else:
                ident = self._user(credentials).find_project(name)
        except ListingError as problem:
            return unknown, FailedAuth(problem)
        target = TargetSettings(project_id=ident, name=name[:60])
        return target, self._auth(target)
