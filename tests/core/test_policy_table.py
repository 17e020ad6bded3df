"""policy.py against DESIGN.md's decision, stated here once more in plain code, over every combination of inputs."""

import itertools

import pytest

from chf.core import policy
from chf.wire import schema as s
from host_tools.story.reasons import reasons

DOMAINS = {
    "known": ("no", "yes"),
    "flag": ("none", "declared", "inferred"),
    "policy": ("alert", "tag", "suppress", "suppress-inferred"),
    "window": ("over", "runs"),
    "told": ("no", "yes"),
    "mute": ("spent", "free"),
    "energy": ("short", "enough"),
    "hold": ("unasked", "waiting", "acked", "no", "broken"),
    "hint": ("none", "mains", "removed"),
}
EVERY = list(itertools.product(*DOMAINS.values()))

ROWS = [name for name, *_ in policy.rows()]
PLAIN, TAGGED, SILENT = 2, 1, 0
LOUDNESS = {s.LEVEL_ASKED: SILENT, s.LEVEL_HELD: SILENT, s.LEVEL_TAGGED: TAGGED, s.LEVEL_PLAIN: PLAIN}

# Each step makes one input worse. An acknowledged hold that loses its energy is louder than other doubts: an overrun.
WORSE = {
    "known": [("yes", "no")],
    "flag": [("declared", "inferred"), ("inferred", "none")],
    "policy": [("suppress-inferred", "suppress"), ("suppress", "tag"), ("tag", "alert")],
    "window": [("runs", "over")],
    "told": [],
    "mute": [("free", "spent")],
    "energy": [("enough", "short")],
    "hold": [("unasked", "no"), ("waiting", "no"), ("no", "broken"), ("acked", "broken")],
    "hint": [],
}


def numbers(words):
    return tuple(domain.index(word) for domain, word in zip(DOMAINS.values(), words, strict=True))


def decide(words):
    return policy.decide(numbers(words))


def by_the_design(known, flag, policy, window, told, mute, energy, hold, hint):
    """(level, cause): the decision section of DESIGN.md, sentence by sentence."""
    if hold == "broken":  # boot from a held state
        return s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN
    if known == "no":  # duration unknown where unproven
        return s.LEVEL_PLAIN, s.CAUSE_UNKNOWN_DURATION
    if flag == "none" and told == "yes":  # the flag was revoked
        return s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN
    if flag == "none":  # the hints name the cause
        causes = {"mains": s.CAUSE_MAINS_HINTED, "removed": s.CAUSE_HUB_REMOVED_HINTED, "none": s.CAUSE_SUPPLY_LOSS}
        return s.LEVEL_PLAIN, causes[hint]
    if policy == "alert":
        return s.LEVEL_PLAIN, s.CAUSE_SUPPLY_LOSS
    if window == "over":
        return s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN
    tag = s.LEVEL_TAGGED, s.CAUSE_FIRMWARE_ACTIVATION
    may_hold = policy == "suppress-inferred" or (policy == "suppress" and flag == "declared")
    if not may_hold or mute == "spent":
        return tag
    if energy == "short":
        return (s.LEVEL_PLAIN, s.CAUSE_ACTIVATION_OVERRUN) if hold == "acked" else tag
    if hold == "no":
        return tag
    return (s.LEVEL_HELD if hold == "acked" else s.LEVEL_ASKED), s.CAUSE_FIRMWARE_ACTIVATION


def test_the_inputs_are_these():
    assert tuple(DOMAINS) == policy.COLUMNS
    assert tuple(tuple(words.split()) for words in policy.VALUES) == tuple(DOMAINS.values())


def test_no_hint_changes_a_level_and_none_names_another_cause_than_a_loss():
    losses = {s.CAUSE_SUPPLY_LOSS, s.CAUSE_MAINS_HINTED, s.CAUSE_HUB_REMOVED_HINTED}
    for words in EVERY:
        _, level, cause = decide(words)
        _, plain_level, plain_cause = decide((*words[:-1], "none"))
        assert level == plain_level, words
        assert cause == plain_cause or {cause, plain_cause} <= losses, words


def test_the_words_stand_where_the_schema_and_the_core_count_them():
    flags = DOMAINS["flag"]
    assert [flags[at] for at in (s.SOURCE_NONE, s.SOURCE_DECLARED, s.SOURCE_INFERRED)] == list(flags)
    at = (s.POLICY_ALERT, s.POLICY_TAG, s.POLICY_SUPPRESS, s.POLICY_SUPPRESS_INFERRED)
    assert at == (0, 1, 2, 3)
    holds = (policy.HOLD_UNASKED, policy.HOLD_WAITING, policy.HOLD_ACKED, policy.HOLD_IMPOSSIBLE, policy.HOLD_BROKEN)
    assert holds == (0, 1, 2, 3, 4)
    assert (policy.HINT_NONE, policy.HINT_MAINS, policy.HINT_REMOVED) == (0, 1, 2)
    assert (policy.NO, policy.YES) == (0, 1)


def test_every_combination_decides_as_the_design_says():
    assert len(EVERY) == 5_760
    for words in EVERY:
        _, level, cause = decide(words)
        assert (level, cause) == by_the_design(*words), words


def test_the_first_row_that_matches_is_the_one_that_decides():
    rows = list(policy.rows())
    for words in EVERY:
        row, level, cause = decide(words)
        matching = [
            index
            for index, (_, _, _, wanted) in enumerate(rows)
            if all(want in ("-", have) for want, have in zip(wanted, words, strict=True))
        ]
        assert row == matching[0]
        assert (level, cause) == rows[row][1:3]


def test_every_row_is_reached():
    assert {decide(words)[0] for words in EVERY} == set(range(len(list(policy.rows()))))


def test_every_row_has_a_name_of_its_own_and_a_reason():
    rows = list(policy.rows())
    assert len({name for name, *_ in rows}) == len(rows)
    assert len(reasons()) == len(rows)
    for (name, _, _, wanted), reason in zip(rows, reasons(), strict=True):
        assert len(wanted) == len(DOMAINS), name
        assert len(reason.split()) > 5, name
        for word, domain in zip(wanted, DOMAINS.values(), strict=True):
            assert word == "-" or word in domain, (name, word)


@pytest.mark.parametrize("column", DOMAINS)
def test_every_doubt_ends_in_alerting(column):
    at = list(DOMAINS).index(column)
    for words in EVERY:
        for better, worse in WORSE[column]:
            if words[at] != better:
                continue
            doubted = (*words[:at], worse, *words[at + 1 :])
            before, after = LOUDNESS[decide(words)[1]], LOUDNESS[decide(doubted)[1]]
            if ROWS[decide(words)[0]] == "energy-ran-short":
                before = TAGGED
            assert after >= before, (words, column, worse)


def test_silence_needs_everything():
    silent = [words for words in EVERY if LOUDNESS[decide(words)[1]] == SILENT]
    for words in silent:
        case = dict(zip(DOMAINS, words, strict=True))
        assert (case["known"], case["window"], case["mute"], case["energy"]) == ("yes", "runs", "free", "enough")
        assert case["policy"] == "suppress-inferred" or (case["policy"], case["flag"]) == ("suppress", "declared")
    held = [words for words in EVERY if decide(words)[1] == s.LEVEL_HELD]
    assert held and {words[-2] for words in held} == {"acked"}


@pytest.mark.parametrize("short_by_one", range(9))
def test_too_few_inputs_are_an_error_and_not_a_silence(short_by_one):
    inputs = numbers(EVERY[-1])
    with pytest.raises(IndexError):
        policy.decide(inputs[:short_by_one])
