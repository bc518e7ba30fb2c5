"""Exploration of widths: exact cycles for every point, a true Pareto front, limits that hold."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fxp_model.errors import InputError
from fxp_model.fixed import Overflow, Rounding
from fxp_model.network import Network, StageParams, run
from fxp_model.random_networks import random_counts, random_network
from fxp_model.spec import Answer, ReadoutMode, RecurrenceKind, ResetMode, SynapseSpec
from fxp_model.variants import with_weights
from hw.config import HardwareConfig
from hw.estimates.explore import MAX_POINTS, Sweeps, combinations, stage_options
from hw.estimates.front import PICKS, Limits, System, explore, unbeaten
from hw.estimates.latency import Counts, clip_cycles, event_counts, sweep_cycles
from hw.estimates.resources import estimate
from hw.estimates.resources.prices import prices_of
from hw.estimates.resources.shapes import Shape
from hw.parts import PARTS, Part
from tb.harness.cores import save_network
from tb.harness.stimulus import answering
from tests.calls import call
from tests.oracles.plain_networks import SHD

pytestmark = pytest.mark.slow

NETWORK = Shape((7, 12, 9, 4), kernel=3, input_bits=3, weight_bits=8).network()
STEPS, CLIPS = 12, 3
LENGTHS = [STEPS, 5, 9]


def events_of_clips() -> tuple[Counts, ...]:
    counts = np.random.default_rng(0).integers(0, 8, (STEPS, CLIPS, 7))
    within = np.arange(STEPS)[:, np.newaxis] < LENGTHS
    padded = counts * within[:, :, np.newaxis]
    events = event_counts(NETWORK, run(NETWORK, padded), padded)
    return tuple(own * within for own in events)


EVENTS = events_of_clips()


@pytest.mark.parametrize("seed", range(6))
def test_many_cores_side_by_side_take_the_cycles_that_each_takes_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = answering(random_network(rng, max_width=9), None)
    counts = random_counts(rng, network.spec, 8, 2)
    events = event_counts(network, run(network, counts), counts)
    options = [stage_options(stage) for stage in network.spec.stages]
    configs = [HardwareConfig(tuple(own[int(rng.integers(len(own)))] for own in options)) for _ in range(30)]
    together = sweep_cycles(network.spec, configs, events, [8, 3])
    alone = [clip_cycles(network.spec, config, events, [8, 3]) for config in configs]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("stride", [None, 1])
def test_points_have_the_cycles_and_cells_of_their_widths(stride: int | None) -> None:
    network = answering(NETWORK, stride)
    for target in ("xilinx7", "ecp5"):
        points = Sweeps(target, EVENTS, LENGTHS).points(network)
        for point in np.random.default_rng(1).choice(len(points.cycles), 20):
            config = points.config(point)
            cycles = clip_cycles(network.spec, config, EVENTS, LENGTHS).mean()
            assert points.cycles[point] == pytest.approx(cycles)
            total = estimate(network, config, target).total
            assert {kind: own[point] for kind, own in points.cells.items()} == total


SYNAPSE = SynapseSpec(current=NETWORK.spec.readout.membrane, alpha=200)
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "synaptic current": {"synapse": SYNAPSE},
    "own beta": {"beta": None},
    "own alpha": {"synapse": replace(SYNAPSE, alpha=None)},
    "rounded leak": {"leak_rounding": Rounding.TRN},
    "no saturation": {"overflow": Overflow.WRAP},
    "no threshold": {"mode": ReadoutMode.MAX},
    "delayed reset": {"mode": ReadoutMode.SPIKE_COUNT, "v_th": 9, "reset_mode": ResetMode.DELAYED},
    "forward delays": {"max_input_delay": 3},
    "an answer per step": {"answer": Answer.STEP},
    "an answer to every second step": {"answer": Answer.STEP, "stride": 2},
}
"""Fields of the readout; the events into it are the same."""


def with_readout(**fields: Any) -> Network:
    readout = replace(NETWORK.spec.readout, **fields)
    own = {"weight": NETWORK.params[-1].weight, "bias": NETWORK.params[-1].bias}
    more = {name: np.ones(shape, np.int64) for name, shape in readout.shapes.items() if name not in own}
    params = (*NETWORK.params[:-1], StageParams(**own, **more))
    return Network(replace(NETWORK.spec, readout=readout), params)


def test_cycles_that_are_known_are_those_of_a_network_of_the_same_timing() -> None:
    sweeps = Sweeps("ecp5", EVENTS, LENGTHS)
    for name, fields in VARIANTS.items():
        network = with_readout(**fields)
        points = sweeps.points(network)
        for point in np.random.default_rng(2).choice(len(points.cycles), 5):
            cycles = clip_cycles(network.spec, points.config(point), EVENTS, LENGTHS).mean()
            assert points.cycles[point] == pytest.approx(cycles), name


@pytest.mark.parametrize("name", VARIANTS)
def test_adders_are_tried_where_a_product_has_no_constant_factor(name: str) -> None:
    tried = {own.use_dsp for own in stage_options(with_readout(**VARIANTS[name]).spec.readout)}
    assert tried == ({True, False} if name in ("own beta", "own alpha") else {True})
    assert {own.use_dsp for own in stage_options(NETWORK.spec.layers[0])} == {True, False}


ANSWERS = {"an answer per step", "an answer to every second step"}
PLAIN = {"plain", "no saturation", "no threshold", "forward delays"} | ANSWERS
"""Variants whose neurons are as in the cores that check the model."""


@pytest.mark.parametrize("target", ["xilinx7", "ecp5"])
@pytest.mark.parametrize("name", VARIANTS)
def test_the_error_is_larger_with_neurons_that_have_features_and_limits_know_it(
    name: str, target: str
) -> None:
    network, prices = with_readout(**VARIANTS[name]), prices_of(target)
    points = Sweeps(target, [own[:2, :1] for own in EVENTS], [2]).points(network)
    part = Part("large", target, dict.fromkeys(points.cells, 10**6))
    logic = "lut" if target == "xilinx7" else "comb"
    for point in np.random.default_rng(3).choice(len(points.cycles), 3):
        found = estimate(network, points.config(point), target)
        for kind, amount in found.total.items():
            update = 0 if name in PLAIN else found.blocks["readout.update"][kind]
            assert points.featured[kind][point] == update
            for own, core, more in zip(
                found.error[kind], prices.error[kind], prices.neurons[kind], strict=True
            ):
                assert own == pytest.approx(core + more * update / max(amount, 1))
        assert (found.error[logic][1] > prices.error[logic][1]) == (name not in PLAIN)
        most = found.total[logic] * (1 + found.error[logic][1] / 100)
        for limit, kept in ((math.floor(most), False), (math.ceil(most), True)):
            assert Limits(part, 100, max_lut=limit).kept(points)[point] == kept


def test_the_default_shape_has_more_than_ten_thousand_points() -> None:
    _, chosen = combinations(SHD)
    assert 10_000 < len(chosen) <= MAX_POINTS
    assert len(np.unique(chosen, axis=0)) == len(chosen)


@pytest.mark.parametrize("stage", SHD.stages)
def test_options_fit_their_stage(stage) -> None:
    options = stage_options(stage)
    assert len(set(options)) == len(options)
    for widths in options:
        widths.check("stage", stage.n_in, stage.n_out)
    assert {own.events_per_cycle for own in options} == {1, 2}


def beats(one: dict, other: dict) -> bool:
    costs = [(core["cycles"], core["share"], -core["accuracy"]) for core in (one, other)]
    return costs[0] != costs[1] and all(a <= b for a, b in zip(*costs, strict=True))


def test_the_front_is_one_and_keeps_to_the_limits() -> None:
    part = PARTS["LFE5U-25F"]
    systems = [System("own", NETWORK, 0.9), System("narrow", with_weights(NETWORK, 3, 1), 0.8)]
    free = explore(systems, EVENTS, LENGTHS, Limits(part, 100))
    limits = Limits(part, 100, max_lut=int(free.picked["balanced"]["cells"]["comb"]), max_us=3)
    found = explore(systems, EVENTS, LENGTHS, limits)
    assert 0 < found.feasible < found.points
    assert {core["system"] for core in found.front} == {"own", "narrow"}
    for core in found.front:
        assert not any(beats(other, core) for other in found.front)
        assert core["us"] == core["cycles"] / 100 <= 3
        assert core["cells"]["comb"] <= limits.max_lut
        assert core["share"] == max(core["cells"][kind] / n for kind, n in part.capacity.items()) <= 1
    points = Sweeps("ecp5", EVENTS, LENGTHS).points(NETWORK)
    kept = limits.kept(points)
    share = limits.share(points.cells)
    assert found.picked["fast"]["cycles"] == points.cycles[kept].min()
    assert found.picked["small"]["share"] == share[kept].min()
    assert list(found.picked) == list(PICKS)
    assert all(core["system"] == "own" for core in found.picked.values())


def test_limits_that_nothing_keeps_to_are_an_error() -> None:
    small = Part("small", "ecp5", {"comb": 100, "ff": 100, "ebr": 1, "dsp": 1})
    with pytest.raises(InputError, match=r"^no core meets the limits \(.*\): of \d+, the smallest takes \d+"):
        explore([System("own", NETWORK, None)], EVENTS, LENGTHS, Limits(small, 100))


def test_unbeaten_by_hand() -> None:
    cycles, share = np.array([5.0, 1, 3, 3, 4, 1]), np.array([1.0, 9, 4, 3, 3, 8])
    assert unbeaten(cycles, share).tolist() == [5, 3, 0]


@pytest.mark.parametrize(("bits", "taps"), [(8, 3), (8, 7), (4, 1), (2, 5)])
def test_narrow_weights_keep_the_scale(bits: int, taps: int) -> None:
    network = with_weights(NETWORK, bits, taps)
    for before, after, codes, new in zip(
        NETWORK.spec.stages, network.spec.stages, NETWORK.params, network.params, strict=True
    ):
        assert after.weight.width == bits
        assert after.weight.int_bits == before.weight.int_bits
        error = codes.weight * before.weight.lsb - new.weight * after.weight.lsb
        assert error.min() >= 0
        assert error.max() < after.weight.lsb
    for layer, codes, new in zip(network.spec.layers, NETWORK.params, network.params, strict=False):
        assert layer.recurrence.kind is RecurrenceKind.CONV
        assert layer.recurrence.kernel_size == len(new.recurrent) == taps
        middle = new.recurrent[taps // 2] << 8 - bits
        assert 0 <= codes.recurrent[1] - middle < 1 << 8 - bits


def test_what_the_script_writes_is_what_gen_hw_builds(tmp_path: Path) -> None:
    artifact = save_network(tmp_path / "plain", NETWORK)
    config, figure, result = (tmp_path / name for name in ("config.json", "front.svg", "result.json"))
    arguments = ("--artifact", str(artifact), "--part", "XC7A35T", "--pick", "small", "--out", str(config))
    done = call("explore.py", *arguments, "--figure", str(figure), "--json", str(result))
    assert done.returncode == 0, done.stderr
    summary = json.loads(result.read_text(encoding="utf-8"))
    assert summary["picked"]["small"]["hardware"] == json.loads(config.read_text(encoding="utf-8"))
    assert f"{summary['points']:,} points" in done.stdout
    assert figure.read_text(encoding="utf-8").count("small") == 1
    out = tmp_path / "build"
    built = call("gen_hw.py", "--artifact", str(artifact), "--config", str(config), "--out", str(out))
    assert built.returncode == 0, built.stderr
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["hardware"] == json.loads(config.read_text(encoding="utf-8"))

    refused = call("gen_hw.py", "--artifact", str(artifact), "--config", str(config), "--lanes", "2")
    assert refused.returncode == 2
    assert refused.stderr.strip().endswith("--config sets all widths; leave --lanes out")
    config.write_text("{", encoding="utf-8")
    broken = call("gen_hw.py", "--artifact", str(artifact), "--config", str(config))
    assert broken.returncode == 2
    assert f"{config} is not JSON: " in broken.stderr
    config.write_text(json.dumps(manifest["hardware"] | {"stages": []}), encoding="utf-8")
    other = call("gen_hw.py", "--artifact", str(artifact), "--config", str(config))
    assert other.returncode == 2
    assert other.stderr.startswith(f"gen_hw.py: {config}: hardware must have ")
