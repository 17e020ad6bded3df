"""What triage says of each kind of alert, and why; its windows, to the hub and to the millisecond."""

from __future__ import annotations

import pytest
from dno_lines import METER, ad1, at, ecs80, hub, judged, outage_id, restored, tagged, verdict, without_notice

from chf.wire import schema as s
from host_tools.dno import reasons as why
from host_tools.names import constants

IN_WINDOW = ("activation-declared", "in-window", "activation")


# ---- classes


@pytest.mark.parametrize(
    ("alert", "said"),
    [
        (ad1(), ("genuine-loss", "supply-loss", "outage")),
        (ad1(cause="mains-hinted"), ("mains-hinted", "mains-hinted", "outage")),
        (ad1(cause="hub-removed-hinted"), ("hub-removed-hinted", "removed-hinted", "outage")),
        (ad1(cause="activation-overrun"), ("activation-overrun", "overrun", "outage")),
        (ad1(cause="unknown-duration", elapsed_s=None), ("unknown-duration", "unproven", "outage")),
        (ad1(cause="merged", merged=3), ("merged", "merged", "outage")),
        (tagged(), IN_WINDOW),
        (tagged(source="inferred"), ("activation-inferred", "in-window", "activation")),
        # whatever is missing, unknown or at odds: an outage
        (tagged(merged=1), ("merged", "merged", "outage")),
        (tagged(source="none"), ("unclassified", "tag-doubted", "outage")),
        (tagged(source=...), ("unclassified", "tag-doubted", "outage")),
        (tagged(source="guessed"), ("unclassified", "tag-doubted", "outage")),
        (tagged(level="plain"), ("unclassified", "tag-doubted", "outage")),
        (tagged(level="held"), ("unclassified", "tag-doubted", "outage")),
        (tagged(level=...), ("unclassified", "tag-doubted", "outage")),
        (tagged(level="of-tomorrow"), ("unclassified", "tag-doubted", "outage")),
        (tagged(loss=None), ("activation-declared", "no-window", "outage")),
        (tagged(window_s=0), ("activation-declared", "no-window", "outage")),
        (tagged(window_s=...), ("activation-declared", "no-window", "outage")),
        (ad1(cause=9), ("unclassified", "unknown-cause", "outage")),
        (ad1(cause="9"), ("unclassified", "unknown-cause", "outage")),
        (ad1(cause=255, level="tagged", source="declared", window_s=300), ("unclassified", "unknown-cause", "outage")),
        (ad1(cause="of-tomorrow"), ("unclassified", "unknown-cause", "outage")),
        (ad1(cause="none"), ("unclassified", "no-cause", "outage")),
        (ad1(cause=...), ("unclassified", "no-cause", "outage")),
        ({"event": "ad1", "at": at(9), "hub": hub(1)}, ("unclassified", "no-cause", "outage")),
    ],
)
def test_each_alert_has_its_class_and_its_reason(alert, said):
    assert verdict(alert) == said


def test_each_cause_of_the_schema_is_classed_by_name_and_by_number():
    for number, name in constants("CAUSE_").items():
        said = [verdict(tagged(cause=cause, level=level)) for cause in (name, number) for level in ("tagged", "plain")]
        assert said[:2] == said[2:]
        if number not in (s.CAUSE_NONE, s.CAUSE_FIRMWARE_ACTIVATION):
            assert said[0][0] != "unclassified" and said[0][2] == "outage", (name, said)


def test_the_table_of_reasons_is_whole():
    names = [reason.name for reason in why.REASONS]
    assert len(set(names)) == len(names)
    assert {name for reason in why.REASONS for name in reason.classes} == set(why.CLASSES)
    assert [reason.name for reason in why.REASONS if reason.treat_as == why.ACTIVATION] == ["in-window"]


# ---- a tag, and what speaks against it


@pytest.mark.parametrize(
    ("more", "as_of", "reason"),
    [
        ([], 36_360, "in-window"),
        ([], 36_360.001, "not-back"),
        ([restored(duration_s=300, said=36_302)], None, "in-window"),
        ([restored(duration_s=301, said=36_303)], None, "outlasted"),
        ([restored(duration_s=None)], None, "outlasted"),
        ([restored(duration_s=200), restored(duration_s=301)], None, "outlasted"),
        ([restored(duration_s=200), restored(duration_s=None)], None, "outlasted"),
        ([restored(2)], 37_000, "not-back"),
        ([restored(id=outage_id(2))], 37_000, "not-back"),
        ([ecs80(end=36_150)], None, "in-window"),
        ([ecs80(start=36_150, end=36_300)], None, "in-window"),
        ([ecs80(start=36_200, end=36_301)], None, "outlasted"),
        ([ecs80(2, end=36_150)], 37_000, "not-back"),
        ([ecs80(start=35_900, end=36_000)], 37_000, "not-back"),
        ([ecs80(start=35_990, end=36_200)], None, "meter-confirms"),
        ([restored(), ecs80(start=36_000, end=36_200)], None, "meter-confirms"),
        ([restored(), ecs80(start=36_000, end=36_010), ecs80(start=36_020, end=36_205)], None, "meter-confirms"),
        ([restored(), ecs80(start=36_360, end=36_800)], None, "meter-confirms"),
        ([restored(), ecs80(start=36_360.001, end=36_800)], None, "in-window"),
        ([restored(), without_notice()], None, "in-window"),
    ],
)
def test_a_tag_holds_only_while_nothing_speaks_against_it(more, as_of, reason):
    said = verdict(tagged(), *more, as_of=as_of)
    assert said == ("activation-declared", reason, "activation" if reason == "in-window" else "outage")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([ecs80()], ("genuine-loss", "meter-confirms")),
        ([ecs80(start=36_240, end=36_500)], ("genuine-loss", "meter-confirms")),
        ([ecs80(start=36_240.001, end=36_500)], ("genuine-loss", "supply-loss")),
        ([ecs80(start=36_059, end=36_200)], ("genuine-loss", "meter-short")),
        ([ecs80(start=36_061, end=36_200)], ("genuine-loss", "supply-loss")),
        ([without_notice()], ("undeclared-suspected", "version-changed")),
        ([without_notice(2)], ("genuine-loss", "supply-loss")),
        ([without_notice(), ecs80()], ("genuine-loss", "meter-confirms")),
    ],
)
def test_a_plain_loss_is_an_outage_whatever_else_is_known(more, said):
    assert verdict(ad1(), *more) == (*said, "outage")


def test_a_hint_and_an_undeclared_change():
    assert verdict(ad1(cause="mains-hinted"), without_notice())[:2] == ("undeclared-suspected", "version-changed")
    assert verdict(ad1(cause="hub-removed-hinted"), without_notice())[:2] == ("hub-removed-hinted", "removed-hinted")


# ---- revisions and repeats


@pytest.mark.parametrize(
    "later",
    [
        {"revision": 2, "level": "plain", "cause": "activation-overrun"},
        {"revision": 0, "level": "plain", "cause": "activation-overrun", "raised_by": "head-end", "source": ...},
        {"revision": 1, "level": "plain", "cause": "supply-loss"},
    ],
)
def test_the_loudest_alert_of_an_outage_counts_in_whatever_order(later):
    alerts = [tagged(), tagged(at=at(36_310), **later)]
    for order in (alerts, alerts[::-1], alerts * 3):
        document = judged(*order)
        (only,) = document["alerts"]
        assert (only["treat_as"], only["level"], only["revision"]) == ("outage", "plain", later["revision"])
        assert only["first_at"] == at(36_181)
        contradicting = int(later["revision"] == 1)
        counts = {"repeated": len(order) - 2, "contradicting": contradicting, "superseded": 1 - contradicting}
        assert counts.items() <= document["read"].items()


def test_a_later_revision_of_the_same_level_replaces_the_former():
    (only,) = judged(ad1(), ad1(revision=2, cause="activation-overrun", at=at(36_500)))["alerts"]
    assert (only["class"], only["revision"], only["at"]) == ("activation-overrun", 2, at(36_500))


def test_the_same_id_of_two_hubs_is_two_outages():
    assert len(judged(ad1(1), ad1(2, id=outage_id(1)))["alerts"]) == 2


def test_without_an_id_each_arrival_is_an_outage():
    bare = {"event": "ad1", "at": at(1), "hub": hub(1)}
    document = judged(bare, bare, {**bare, "at": at(1.001)})
    assert [one["first_at"] for one in document["alerts"]] == [at(1), at(1.001)]
    assert document["read"]["repeated"] == 1 and document["alerts"][0]["id"] is None


# ---- restoration


def test_an_alert_that_no_restoration_follows_is_open_and_says_for_how_long():
    document = judged(ad1(1), ad1(2), ad1(3), ecs80(2), restored(3), as_of=40_000)
    seen = {one["hub"]: (one["restored_by"], one["duration_s"], one["open_s"]) for one in document["alerts"]}
    assert seen == {hub(1): (None, None, 4_000), hub(2): ("meter", 400.0, None), hub(3): ("hub", 200.0, None)}
    assert [group["open"] for group in document["classes"]] == [0, 1]


@pytest.mark.parametrize(("end", "by"), [(36_000, None), (36_000.001, "meter"), (99_000 - 13_000, "meter")])
def test_a_restoration_counts_from_the_first_moment_after_the_loss(end, by):
    (only,) = judged(ad1(), ecs80(start=35_000, end=end))["alerts"]
    assert only["restored_by"] == by


def test_a_restoration_that_arrives_before_its_alert_counts():
    (only,) = judged(restored(said=36_100), ad1())["alerts"]
    assert only["restored_by"] == "hub"


def test_restorations_without_an_alert_are_counted_and_the_held_ones_apart():
    read = judged(restored(1, level="held"), restored(2, level="plain"), restored(3), ad1(3))["read"]
    assert (read["held"], read["restored_without_ad1"]) == (1, 1)


def test_as_of_leaves_out_what_came_later():
    events = [ad1(1), ecs80(1), ad1(2, 50_000)]
    early, late = judged(*events, as_of=36_300), judged(*events)
    assert [one["hub"] for one in early["alerts"]] == [hub(1)] and early["alerts"][0]["restored_by"] is None
    assert len(late["alerts"]) == 2 and late["alerts"][0]["restored_by"] == "meter"


# ---- windows


@pytest.mark.parametrize(
    ("loss", "window"),
    [(36_000, 36_000), (35_999.999, 35_820), (36_179.999, 36_000), (36_180, 36_180), (36_180.001, 36_180), (0, 0)],
)
def test_a_window_begins_every_three_minutes_and_not_a_millisecond_later(loss, window):
    (only,) = judged(ad1(1, loss))["alerts"]
    assert only["window"] == at(window) and only["since_by"] == "loss"


@pytest.mark.parametrize(("hubs", "kind"), [(1, "isolated"), (50, "isolated"), (51, "mass")])
def test_more_than_fifty_hubs_in_one_window_are_a_mass_loss(hubs, kind):
    events = [ad1(number, 36_000 + number * 179.999 / hubs) for number in range(hubs)]
    (window,) = judged(*events)["windows"]
    assert (window["kind"], window["hubs"], window["outages"]) == (kind, hubs, hubs)
    assert {one["kind"] for one in judged(*events)["alerts"]} == {kind}


def test_a_hub_counts_once_in_a_window_however_often_it_loses_supply():
    events = [ad1(n % 50, 36_000 + n, id=outage_id(n)) for n in range(100)]
    (window,) = judged(*events)["windows"]
    assert (window["kind"], window["hubs"], window["outages"]) == ("isolated", 50, 100)


def test_fifty_one_hubs_over_a_window_s_edge_are_isolated():
    events = [ad1(number, 36_179.999 if number % 2 else 36_180) for number in range(51)]
    assert [window["hubs"] for window in judged(*events)["windows"]] == [25, 26]


@pytest.mark.parametrize(("plain_hubs", "treat_as"), [(50, "activation"), (51, "outage")])
def test_a_tag_among_a_mass_of_plain_losses_is_an_outage(plain_hubs, treat_as):
    events = [tagged(0), *(ad1(number) for number in range(1, plain_hubs + 1))]
    (only,) = (one for one in judged(*events)["alerts"] if one["hub"] == hub(0))
    assert only["treat_as"] == treat_as and only["kind"] == "mass"


def test_a_mass_of_activations_alone_stays_one():
    document = judged(*(tagged(number) for number in range(60)))
    assert {one["treat_as"] for one in document["alerts"]} == {"activation"}
    assert document["windows"][0]["activations"] == 60


@pytest.mark.parametrize(("ahead", "by", "since"), [(60, "loss", 36_060), (60.001, "arrival", 36_000)])
def test_a_loss_after_its_own_alert_is_a_clock_gone_wrong(ahead, by, since):
    (only,) = judged(ad1(1, 36_000 + ahead, at=at(36_000)))["alerts"]
    assert (only["since_by"], only["since"]) == (by, at(since))


def test_a_clock_that_goes_back_between_the_lines_changes_nothing():
    events = [tagged(1), tagged(2, 36_100), restored(2, said=36_301), ad1(3, 20_000), ecs80(3, 20_000, 20_500)]
    assert judged(*events)["alerts"] == judged(*sorted(events, key=lambda event: event["at"]))["alerts"]
    assert judged(*events)["as_of"] == at(36_301)
    assert METER not in str(judged(*events)["alerts"])
