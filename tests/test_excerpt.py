import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.excerpt import ROOMS, Room, excerpt
from cbr_auditor.report import Report, RuleGroup
from cbr_auditor.rule import Severity
from tests.fakes import make_clause, make_coverage, make_finding, make_framework, make_report, make_rule_result
from tests.pages import full_report, hostile_report


def with_groups(lengths: list[tuple[int, int]]) -> Report:
    rules = [make_rule_result(id=f"r{number}", failed=1000, unknown=50) for number in range(len(lengths))]
    groups = [
        RuleGroup(rule, [make_finding(rule=rule.id)] * failed, [make_finding(rule=rule.id)] * unknown)
        for rule, (failed, unknown) in zip(rules, lengths, strict=True)
    ]
    return make_report(rules=rules, groups=groups)


def shown(report: Report) -> list[tuple[int, int]]:
    return [(len(group.failed), len(group.unknown)) for group in report.groups]


def test_a_rule_shows_at_most_twenty_failures_and_five_undecided() -> None:
    assert shown(excerpt(with_groups([(50, 10), (3, 1)]), ROOMS[0])) == [(20, 5), (3, 1)]


def test_no_rule_crowds_out_another() -> None:
    assert shown(excerpt(with_groups([(50, 10)] * 8), ROOMS[0])) == [(10, 2)] * 8
    tight = with_groups([(50, 10)] * 8)
    assert shown(excerpt(tight, Room(5, 9, 9, 9, 99, 99))) == [(1, 1)] + [(1, 0)] * 4 + [(0, 0)] * 3


@given(lengths=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10)), max_size=60), room=st.sampled_from(ROOMS))
def test_never_more_than_there_is_room_for(lengths: list[tuple[int, int]], room: Room) -> None:
    counts = shown(excerpt(with_groups(lengths), room))
    assert sum(failed for failed, _ in counts) <= room.findings
    assert sum(unknown for _, unknown in counts) <= room.findings // 5
    assert len(counts) == min(len(lengths), room.rules)


def test_what_fits_is_left_as_it_is() -> None:
    report = make_report()
    assert excerpt(report, ROOMS[0]) == report


def test_a_list_of_sentences_ends_in_how_many_more_there_are() -> None:
    coverage = make_coverage(problems=[f"Problem {number}." for number in range(200)])
    (target,) = excerpt(make_report(coverage=[coverage]), ROOMS[0]).coverage
    assert target.problems[:-1] == [f"Problem {number}." for number in range(12)]
    assert target.problems[-1] == "And 188 more, for which there is no room here."


def test_rules_beyond_are_summed_up_in_the_last_one() -> None:
    rules = [
        make_rule_result(id=f"r{number}", failed=number, unknown=1, errors=2, severity=Severity.LOW)
        for number in range(9)
    ]
    cut = excerpt(make_report(rules=rules), Room(1, 4, 9, 9, 99, 99)).rules
    assert len(cut) == 5
    assert sum(rule.failed for rule in cut) == sum(rule.failed for rule in rules)
    assert (cut[-1].unknown, cut[-1].errors, cut[-1].severity) == (5, 10, Severity.LOW)
    assert cut[-1].title.startswith("5 more rules")


def test_incomplete_targets_come_first_and_those_beyond_are_summed_up() -> None:
    coverage = [make_coverage(name=f"p{number}", listed=number) for number in range(8)]
    coverage[6] = make_coverage(name="p6", listed=6, complete=False, problems=["x"])
    coverage[7] = make_coverage(name="p7", listed=7, complete=False, problems=["x", "y"], reported_count=None)
    cut = excerpt(make_report(coverage=coverage), Room(1, 9, 1, 9, 99, 99)).coverage
    assert [target.name for target in cut] == ["p6", "7 more projects"]
    assert (cut[1].listed, cut[1].complete, cut[1].reported_count) == (22, False, None)
    assert cut[1].problems == ["2 problems, for which there is no room here."]


def test_reasons_for_no_problem_keep_their_sum() -> None:
    counts = {f"reason {number}": number for number in range(30)}
    rule = make_rule_result(no_problem=counts)
    (cut,) = excerpt(make_report(rules=[rule]), ROOMS[0]).rules
    assert sum(cut.no_problem.values()) == sum(counts.values())
    assert list(cut.no_problem)[-1] == "for other reasons"


def test_filters_and_their_values_beyond_are_counted() -> None:
    narrowed = {f"filter{number}": [str(value) for value in range(15)] for number in range(14)}
    (target,) = excerpt(make_report(coverage=[make_coverage(narrowed=narrowed)]), ROOMS[0]).coverage
    assert target.narrowed["filter0"][-1] == "3 more"
    assert target.narrowed["and"] == ["2 more filters"]


@pytest.mark.parametrize("room", ROOMS)
def test_frameworks_are_shown_without_their_clauses_and_those_beyond_summed_up(room: Room) -> None:
    frameworks = [make_framework(make_clause(), make_clause(result="waived"), name=f"f{each}") for each in range(30)]
    cut = excerpt(make_report(frameworks=frameworks), room).frameworks
    assert 2 <= len(cut) < 30
    assert not [each for each in cut if each.clauses]
    assert cut[-1].name == f"{31 - len(cut)} more frameworks"
    for word in ("findings", "waived"):
        assert sum(each.results[word] for each in cut) == 30


@pytest.mark.parametrize("room", ROOMS)
def test_every_text_is_clean_and_short(room: Room) -> None:
    report = excerpt(hostile_report("a\u202e\x1b[31m\r\n\u2028b" * 30, rules=3, targets=30), room)
    texts = list(strings(msgspec.to_builtins(report)))
    assert all(text.isprintable() for text in texts)
    assert max(map(len, texts)) <= room.sentence


def test_the_report_itself_is_not_changed() -> None:
    report = full_report()
    before = msgspec.json.encode(report)
    excerpt(report, ROOMS[-1])
    assert msgspec.json.encode(report) == before


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in strings(part)]
    return [text for part in value for text in strings(part)] if isinstance(value, list) else []
