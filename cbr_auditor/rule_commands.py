"""The commands about rules: `rules`, `rules ID`, `rules new`, `check`."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from cbr_auditor.catalogue import Catalogue
from cbr_auditor.clock import SystemClock
from cbr_auditor.clouds import load_for_operator
from cbr_auditor.control import read_controls
from cbr_auditor.errors import RuleError, SettingsError
from cbr_auditor.layout import resource_folder
from cbr_auditor.override import Override
from cbr_auditor.plan import Plans
from cbr_auditor.rule import Rule
from cbr_auditor.rule_page import page, permissions, shown
from cbr_auditor.rule_template import write_rule
from cbr_auditor.run import catalogue_of, waivers_of
from cbr_auditor.settings import Settings, load_settings
from cbr_auditor.subject import Identity
from cbr_auditor.suggestion import did_you_mean
from cbr_auditor.text import one_line
from cbr_auditor.waiver import Waivers


def add_rules_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `rules`."""
    parser.add_argument("what", nargs="*", metavar="ID | new ID", help="a rule's page, or a new rule and its test")
    parser.add_argument("--config", type=Path, help="the auditor.toml to read (AUDITOR_CONFIG)")
    parser.add_argument("--folder", type=Path, default=Path("rules"), help="where `new` writes (default: rules)")


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `check`."""
    parser.add_argument("--config", type=Path, help="the auditor.toml to read (AUDITOR_CONFIG)")
    parser.add_argument("--resource", metavar="NAME", help="also show what applies to a resource of this name or id")
    parser.add_argument("--type", dest="resource_type", metavar="TYPE", help="its type, as OS::Nova::Server")
    parser.add_argument("--vault", metavar="ID", help="the vault that it lies in")
    parser.add_argument("--project", metavar="ID", help="its project (default: AUDITOR_PROJECT_ID)")


def settings_of(arguments: argparse.Namespace, *, signing_in: bool = False) -> Settings:
    """The settings of a command that takes `--config`; credentials are looked for elsewhere too where it signs in.

    Raises `SettingsError`.
    """
    environ = dict(os.environ)
    if arguments.config is not None:
        environ["AUDITOR_CONFIG"] = str(arguments.config)
    return load_for_operator(environ)[0] if signing_in else load_settings(environ, beside=Path())


def rules(arguments: argparse.Namespace) -> int:
    """Print a table of all rules, or one rule's page; or write a new rule."""
    if arguments.what[:1] == ["new"]:
        if len(arguments.what) != 2:
            raise SettingsError("rules new takes one id", "Name it after its subject, as resource-foo.")
        for path in write_rule(arguments.what[1], arguments.folder):
            print(path)
        return 0
    settings = settings_of(arguments)
    catalogue = catalogue_of(settings)
    if not arguments.what:
        print("\n".join(_table(catalogue)))
        return 0
    for ident in arguments.what:
        if ident not in catalogue.known:
            raise RuleError(f"there is no rule {one_line(repr(ident), 80)}", did_you_mean(ident, catalogue.known))
        print(page(catalogue.known[ident], catalogue.profiles, read_controls(resource_folder("rules"))))
        print("\n".join(_in_force(catalogue, ident)))
    return 0


def _table(catalogue: Catalogue) -> Iterator[str]:
    on = {rule.id: rule for rule in catalogue.rules}
    yield f"{'':4}{'rule':34}{'severity':10}{'finds'}"
    for rule in sorted(catalogue.known.values(), key=lambda rule: (rule.subject, rule.severity.rank, rule.id)):
        there = on.get(rule.id)
        mark = "-" if there is None else "on" if there.everywhere else "(on)"
        severity = (there or rule).severity.value
        yield f"{mark:4} {rule.id:33}{severity:10}{rule.title}"
    yield ""
    yield f"Profile {catalogue.profile}: {len(on)} of {len(catalogue.known)} rules are on."
    if any(not rule.everywhere for rule in on.values()):
        yield "(on): only where an override says so."


def _in_force(catalogue: Catalogue, ident: str) -> Iterator[str]:
    """What the settings make of a rule."""
    rule = next((rule for rule in catalogue.rules if rule.id == ident), None)
    yield "## In force here"
    yield ""
    if rule is None:
        yield f"Switched off (profile {catalogue.profile})."
        return
    yield f"On, severity {rule.severity.value} (profile {catalogue.profile})."
    for option in rule.options:
        source = option_source(rule, option.name, (), catalogue)
        yield f"- {option.name} = {shown(rule.values[option.name])}: {source}"


def check(arguments: argparse.Namespace) -> int:
    """Read the settings, rules, overrides and waivers, and say what is in force. Nothing is requested."""
    settings = settings_of(arguments, signing_in=True)
    catalogue = catalogue_of(settings)
    now = SystemClock().now()
    waivers = waivers_of(settings, catalogue, now)
    for ident in catalogue.known:  # a rule that is off is read too: it may be switched on tomorrow
        catalogue.known[ident]
    print("\n".join(_overview(settings, catalogue, waivers)))
    if arguments.resource:
        print("\n".join(["", *_applies(arguments, settings, catalogue, waivers)]))
    return 0


def _overview(settings: Settings, catalogue: Catalogue, waivers: Waivers) -> Iterator[str]:
    projects = [target.name or target.project_id for target in settings.targets] or [
        settings.project_id or settings.project_name or "none"
    ]
    yield f"Projects:  {', '.join(projects)}"
    yield f"Profile:   {catalogue.profile}, {len(catalogue.rules)} of {len(catalogue.known)} rules are on"
    wanted = {action for rule in catalogue.rules for action in permissions(rule)}
    wanted |= {"cbr:vaults:list"} if any(override.lists_vaults for override in catalogue.overrides) else set()
    yield f"Needs:     {', '.join(sorted(wanted))}"
    for ident, name in sorted(catalogue.sources):
        rule = next(rule for rule in catalogue.rules if rule.id == ident)
        yield f"Option:    {ident} {name} = {shown(rule.values[name])} ({catalogue.sources[ident, name]})"
    for override in catalogue.overrides:
        what = "every rule off" if override.off else ", ".join(_override_parts(override.rules))
        yield f"Override:  {override.label}: {what}"
    for waiver in sorted(waivers.all, key=lambda waiver: waiver.expires):
        left = f"{waiver.days_left} days left" if waiver.days_left >= 0 else "EXPIRED"
        yield f"Waiver:    {waiver.label}, until {waiver.expires} ({left}), {waiver.owner}: {waiver.reason}"
    yield "Everything can be read; nothing was requested."


def _override_parts(rules: object) -> Iterator[str]:
    assert isinstance(rules, dict)
    for ident, options in rules.items():
        if options is None:
            yield f"{ident} off"
        else:
            yield " ".join([ident, *(f"{name} = {shown(value)}" for name, value in options.items())])


def _applies(
    arguments: argparse.Namespace, settings: Settings, catalogue: Catalogue, waivers: Waivers
) -> Iterator[str]:
    """What applies to one resource, as far as its name or id tells."""
    name = arguments.resource
    project = arguments.project or settings.project_id or ""
    who = Identity(
        name,
        name,
        resource_id=name,
        resource_name=name,
        resource_type=arguments.resource_type,
        vault_id=arguments.vault,
    )
    plans = Plans(list(catalogue.rules), catalogue.overrides, project, {})
    plan = plans.for_subject(who, [arguments.vault] if arguments.vault else [])
    yield f"To {one_line(name)} applies:"
    for override in plan.overrides:
        yield f"  {override.place} ({override.label})"
    for index, rule in enumerate(catalogue.rules):
        if rule.subject not in {"backup", "resource"}:
            continue
        if index not in plan.values:
            yield f"  {rule.id:33} off"
            continue
        options = " ".join(
            f"{option.name}={shown(plan.values[index][option.name])}{_from_override(rule, option.name, plan.overrides)}"
            for option in rule.options
        )
        waiver = waivers.match(rule.id, project, name)
        yield f"  {rule.id:33} {options}{f' waived until {waiver.expires}' if waiver else ''}".rstrip()


def _from_override(rule: Rule, option: str, overrides: tuple[Override, ...]) -> str:
    place = _override_of(rule, option, overrides)
    return f" ({place.removeprefix('auditor.toml, ')})" if place else ""


def _override_of(rule: Rule, option: str, overrides: tuple[Override, ...]) -> str | None:
    """The place of the override that has the last word about an option; None where none speaks of it."""
    places = [override.place for override in overrides if option in (override.rules.get(rule.id) or {})]
    return places[-1] if places else None


def option_source(rule: Rule, option: str, overrides: tuple[Override, ...], catalogue: Catalogue) -> str:
    """Where an option's value comes from: an override that applies, auditor.toml, the profile, or the rule itself."""
    default = catalogue.sources.get((rule.id, option), "the rule's default")
    return _override_of(rule, option, overrides) or default
