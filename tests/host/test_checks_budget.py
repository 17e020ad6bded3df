"""chtool budget: the draw out of the fall, the core's own sums on top of it, and the virtual hub's known load."""

import math

import pytest

from chf.core import energy
from chf.core.limits import Config
from host_tools.checks.budget import Looker, budget, draw, watch
from host_tools.errors import BenchError
from host_tools.link.client import Client
from host_tools.testbed import virtual
from host_tools.virtual.supply import Supply
from tests.host.chtool import fails, json_of

CONFIG = Config(bytes(8), bytes(8))


def fall(load_mw, capacitance_mf, seconds=60, from_v=5.0, noise_mv=0):
    """(ms, mV) each second: V^2 falls by 2 P / C."""
    return [
        (
            at * 1000,
            round(1000 * math.sqrt(from_v**2 - 2 * load_mw * at / capacitance_mf)) + (-noise_mv, noise_mv)[at % 2],
        )
        for at in range(seconds)
    ]


@pytest.mark.parametrize(("load_mw", "capacitance_mf"), [(60, 10_000), (250, 10_000), (35, 1_000)])
def test_the_load_is_worked_out_of_the_fall(load_mw, capacitance_mf):
    found = draw(fall(load_mw, capacitance_mf), capacitance_mf)
    assert found.load_mw == pytest.approx(load_mw, rel=0.02)
    assert found.counted_mw >= found.load_mw
    noisy = draw(fall(load_mw, capacitance_mf, noise_mv=4), capacitance_mf)
    assert noisy.error_mw > found.error_mw and noisy.counted_mw >= load_mw, "an error counts as draw"


def test_what_does_not_tell_is_a_sentence():
    for samples in (
        fall(60, 10_000)[:5],
        [(at * 1000, 5_000) for at in range(60)],
        [(0, 5_000 - at) for at in range(60)],
    ):
        with pytest.raises(BenchError) as caught:
            draw(samples, 10_000)
        assert "\n" not in str(caught.value)
    with pytest.raises(BenchError, match="not out"):
        watch(lambda: {"bits": 1, "holdup_mv": 5_000}, lambda: 0, lambda: None, 30)


def test_the_sums_are_the_core_s():
    told = budget(60, 5_000, CONFIG)
    assert told.need_mj == 60 * 180 + 2 * CONFIG.send_mj + CONFIG.margin_mj
    assert told.available_mj == energy.available_mj(5_000, CONFIG.holdup_min_mv, CONFIG.capacitance_mf)
    assert told.enough and told.lasts_s == told.available_mj // 60
    for capacitance_mf in (told.least_mf, told.least_mf - 1):
        small = Config(bytes(8), bytes(8), capacitance_mf=capacitance_mf)
        assert budget(60, 5_000, small).enough == (capacitance_mf == told.least_mf)
        assert energy.can_hold(Config(bytes(8), bytes(8), capacitance_mf=told.least_mf), 5_000, 180)
    assert budget(60, 1_900, CONFIG).least_mf is None and not budget(60, 1_900, CONFIG).enough


@pytest.mark.parametrize("load_mw", [60, 140])
def test_a_virtual_hub_draws_what_its_supply_says(load_mw):
    with virtual(supply=Supply(load_mw=load_mw)) as bed:
        bed.lose_supply(1)
        look = Looker(Client(bed.bench))
        samples = watch(look, lambda: bed.now_ms, lambda: bed.bench.advance(3_000), 60)
        look.release()
        assert len({mv for _, mv in samples}) == len(samples) >= 20, "each look is a fresh one"
    found = draw(samples, bed.rig.supply.capacitance_mf)
    assert found.load_mw == pytest.approx(load_mw, abs=3 * found.error_mw + 1)
    assert found.error_mw < 2


def test_on_the_command_line():
    values = json_of("budget", "sim:")
    assert values["enough"] and 58 <= values["load_mw"] <= 62
    assert "--for" in fails(2, "budget", "sim:", "--for", "170"), "it would come near an alert"
