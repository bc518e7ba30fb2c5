"""Errors planted in the HLS headers, one per copy: every one changes an integer or a beat."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from fxp_model import network as golden
from fxp_model.fixed import Overflow, Rounding
from fxp_model.network import Network
from fxp_model.spec import SCORE, ReadoutMode, RecurrenceKind, ResetMode
from hw.protocol import encode_trace
from tb.harness.depth import depth
from tb.harness.stimulus import answering
from tests.hw.hls import units as hls_units
from tests.paths import ROOT

if (missing := hls_units.missing_tool()) is not None:
    pytest.skip(missing, allow_module_level=True)

from hw.hls.emulation import Emulation, compile_units

pytestmark = pytest.mark.slow

COMMON, CELL, READOUT, SHELL = (
    "nnet_spikeline.h",
    "nnet_spikeline_cell.h",
    "nnet_spikeline_readout.h",
    "nnet_spikeline_axis.h",
)
DEFINES = "defines.h"


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in `file`, for a network that `fits`."""

    name: str
    file: str
    old: str
    new: str
    fits: str


TAP = "lines[i - pad][delays[i - pad]]"
KEPT = "spikeline_requantize<kept_T, SHARE_BITS + BITS>(product)"
MUTANTS = (
    Mutant("halves round up", DEFINES, "AP_RND_CONV", "AP_RND", "ties"),
    Mutant("rounding is left out", DEFINES, ",AP_RND,", ",AP_TRN,", "rounds"),
    Mutant("overflow wraps", DEFINES, "AP_SAT,", "AP_WRAP,", "saturates"),
    Mutant("delay one step short", CELL, TAP, "(lines[i - pad] << 1)[delays[i - pad]]", "conv"),
    Mutant("delays halved", CELL, "(lines[n] << 1) |", "(lines[n] << 2) |", "conv"),
    Mutant("spikes of the sample before", CELL, " & age[delays[i - pad]]", "", "late_spikes"),
    Mutant("kernel flipped", CELL, "rec += recurrent[k]", "rec += recurrent[taps - 1 - k]", "conv"),
    Mutant("first neuron not heard", CELL, "i >= pad &&", "i > pad &&", "conv"),
    Mutant("last neuron not heard", CELL, "i < pad + n_out)", "i + 1 < pad + n_out)", "conv"),
    Mutant("edges are spikes", CELL, "delayed[i] = 0;", "delayed[i] = 1;", "conv"),
    Mutant("window stands still", CELL, "? delayed[i + lanes]", "? delayed[i]", "conv"),
    Mutant("dense rows shifted", CELL, "return acc[n]", "return acc[n ? n - 1 : 0]", "dense"),
    Mutant("no fire at equality", COMMON, "spike = v >= v_th", "spike = v > v_th", "conv"),
    Mutant("reset exchanged", COMMON, "reset == spikeline_zero", "reset != spikeline_zero", "conv"),
    Mutant("bias forgotten", COMMON, "(inputs_t(bias) <<", "(inputs_t(0) <<", "conv"),
    Mutant("scores not added", READOUT, "sum += v_mem", "sum = v_mem", "sum"),
    Mutant("lowest counts", READOUT, "score > v_mem", "score < v_mem", "max"),
    Mutant("leak truncated", COMMON, KEPT, "product >> ROUNDED", "leak"),
    Mutant("leak of the first for all", COMMON, "own_beta(n,", "own_beta(0,", "betas"),
    Mutant("threshold of the first for all", COMMON, "own_v_th(n,", "own_v_th(0,", "thresholds"),
    Mutant("share of the first for all", COMMON, "own_alpha(n,", "own_alpha(0,", "alphas"),
    Mutant("no reset a step later", COMMON, "sum -= sum_t(v_th) <<", "sum -= sum_t(0) <<", "delayed"),
    Mutant("reset at once as well", COMMON, " || CONFIG_T::reset ==", " || 1 ==", "delayed"),
    Mutant("current forgotten", COMMON, "last = first ?", "last = true ?", "synapse"),
    Mutant("current not rounded", DEFINES, "AP_RND_INF", "AP_TRN", "current"),
    Mutant("forward delay one step short", COMMON, "line[delay] &", "line[delay - 1] &", "forward"),
    Mutant("inputs of the sample before", COMMON, " & age[delay]", "", "late_inputs"),
    Mutant("answer a step late", READOUT, "== CONFIG_T::stride)", "== CONFIG_T::stride + 1)", "strides"),
    Mutant("stride counted once", READOUT, "            since = 0;\n", "", "strides"),
    Mutant("margin past the best before", SHELL, "second = best;", "", "overtaken"),
    Mutant("margin past what follows", SHELL, "score > second", "score > best", "followed"),
    Mutant("margin to the last", SHELL, "score > second", "true", "followed_lower"),
    Mutant("tie to the highest", SHELL, "score > best", "score >= best", "tied"),
)
STRIDES = {"strides": 3, "overtaken": 2, "followed": 5, "followed_lower": 4, "tied": 1}
"""Of the kinds of error that only answers per step have."""
CHOSEN = MUTANTS[:: len(MUTANTS) // depth(4, len(MUTANTS))]


def candidate(kind: str, seed: int) -> Network:
    """A network for an error of this kind, unless it does not fit."""
    return answering(hls_units.active_network(seed), STRIDES.get(kind))


def counts_of(network: Network) -> np.ndarray:
    return hls_units.counts_of(network, 1)


def without(network: Network, **modes: object) -> bool:
    """Whether other modes in the first layer change the golden model's trace."""
    first, *rest = network.spec.layers
    other = Network(replace(network.spec, layers=(replace(first, **modes), *rest)), network.params)
    return differs(network, other)


def without_own(network: Network, name: str) -> bool:
    """Whether the neurons of the first layer have codes of their own, and the first code for all differs."""
    first, *rest = network.params
    codes = getattr(first, name)
    if codes is None:
        return False
    other = Network(network.spec, (replace(first, **{name: np.full_like(codes, codes[0])}), *rest))
    return differs(network, other)


def differs(network: Network, other: Network) -> bool:
    counts = counts_of(network)
    trace = golden.run(network, counts)
    return trace.first_mismatch(golden.run(other, counts)) is not None


def heard(network: Network, neuron: int) -> bool:
    """Whether a spike of `neuron` of the first layer reaches a neuron within the steps."""
    params = network.params[0]
    assert params.recurrent is not None
    assert params.delay_steps is not None
    spikes = golden.run(network, counts_of(network)).layers[0].spikes[:, :, neuron]
    middle = params.recurrent[len(params.recurrent) // 2]
    return bool(middle != 0 and spikes[: max(0, hls_units.STEPS - 1 - params.delay_steps[neuron])].any())


def late(values: np.ndarray, delays: np.ndarray) -> bool:
    """Whether one of `values` (T, B, N) would arrive in the sample after its own."""
    return any(values[hls_units.STEPS - delay :, :-1, n].any() for n, delay in enumerate(delays) if delay)


def answers_are(scores: np.ndarray, kind: str) -> bool:
    """Whether an answer has its winner and second best in places that this kind of error confuses."""
    for z in scores.reshape(-1, scores.shape[-1]):
        winner = int(z.argmax())
        others = np.delete(z, winner)
        seconds = [
            n for n, score in enumerate(z) if n != winner and score == others.max(initial=SCORE.min_raw)
        ]
        match kind:
            case "overtaken":
                found = len(seconds) == 1 and seconds[0] < winner
            case "followed":
                found = seconds and seconds[0] > winner
            case "followed_lower":
                found = winner < len(z) - 1 and z[-1] < others.max()
            case _:
                found = seconds and z[seconds[0]] == z[winner]
        if found:
            return True
    return False


def fits(network: Network, kind: str) -> bool:
    """Whether an error of this kind must be visible in `network`, judged by the golden model."""
    first, rec = network.spec.layers[0], network.spec.layers[0].recurrence
    match kind:
        case "ties":
            return first.rounding is Rounding.RND_CONV and without(network, rounding=Rounding.RND)
        case "rounds":
            return first.rounding is Rounding.RND and without(network, rounding=Rounding.TRN)
        case "saturates":
            return first.overflow is Overflow.SAT and without(network, overflow=Overflow.WRAP)
        case "dense":
            return rec is not None and rec.kind is RecurrenceKind.DENSE and first.n_out > 3
        case "sum" | "max":
            return network.spec.readout.mode is ReadoutMode(kind)
        case "leak":
            return first.leak.shift > 0 and without(network, leak_rounding=Rounding.TRN)
        case "betas" | "alphas":
            return without_own(network, kind[:-1])
        case "thresholds":
            return without_own(network, "v_th")
        case "delayed":
            others = (ResetMode.SUBTRACT, ResetMode.ZERO)
            return first.reset_mode is ResetMode.DELAYED and all(
                without(network, reset_mode=own) for own in others
            )
        case "synapse":
            return first.synapse is not None and without(network, synapse=replace(first.synapse, alpha=0))
        case "current":
            return (
                first.synapse is not None
                and first.synapse.rounding is Rounding.RND_INF
                and without(network, synapse=replace(first.synapse, rounding=Rounding.TRN))
            )
        case "forward":
            delays = network.params[0].input_delay_steps
            return delays is not None and delays.min() > 0 and delays.max() < 10
        case "late_inputs":
            delays = network.params[0].input_delay_steps
            return delays is not None and delays.max() < 10 and late(counts_of(network), delays)
        case "strides":
            answered = golden.run(network, counts_of(network)).answered
            later = golden.run(answering(network, STRIDES[kind] + 1), counts_of(network)).answered
            assert answered is not None
            assert later is not None
            return bool((answered[0] != later[0]).any() and answered[1:].any())
        case "overtaken" | "followed" | "followed_lower" | "tied":
            answered = golden.run(network, counts_of(network)).answered
            assert answered is not None
            return answers_are(answered, kind)
        case "late_spikes":
            spikes = golden.run(network, counts_of(network)).layers[0].spikes
            delays = network.params[0].delay_steps
            return fits(network, "conv") and late(spikes, np.asarray(delays) + 1)
        case _:
            return (
                rec is not None
                and rec.kind is RecurrenceKind.CONV
                and rec.kernel_size > 1
                and first.n_out > 4
                and first.membrane.width < 9
                and first.reset_mode is ResetMode.SUBTRACT
                and all(heard(network, neuron) for neuron in (0, first.n_out - 1))
            )


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The unchanged networks, then every mutant, in one program."""
    folder = tmp_path_factory.mktemp("mutants")
    found = {
        kind: next(net for seed in range(2000) if fits(net := candidate(kind, seed), kind))
        for kind in sorted({mutant.fits for mutant in CHOSEN})
    }
    units = [hls_units.unit(net, hls_units.STEPS, folder, f"right_{kind}", 2) for kind, net in found.items()]
    for index, mutant in enumerate(CHOSEN):
        unit = hls_units.unit(found[mutant.fits], hls_units.STEPS, folder, f"wrong{index}", 2)
        unit = replace(unit, headers=f"nnet{index}")
        plant(mutant, unit.source.parent, unit.headers)
        units.append(unit)
    return compile_units(units, folder / "mutants", hls_units.includes(), ("-O0", "-w")), list(found)


def plant(mutant: Mutant, firmware: Path, namespace: str) -> None:
    """Give a network its own copy of the headers, in a namespace, with the error in it."""
    ours = firmware / "nnet_utils"
    ours.mkdir()
    for header in (ROOT / "hw" / "hls" / "nnet_utils").glob("*.h"):
        text = header.read_text(encoding="utf-8")
        head, _, watch = text.partition("struct spikeline_watch {")
        if watch:
            text = head + "using nnet::spikeline_watch;\n" + watch.partition("\n};\n")[2]
        text = text.replace("namespace nnet {", f"namespace {namespace} {{\nusing nnet::array;")
        (ours / header.name).write_text(text.replace("NNET_SPIKELINE", namespace.upper()), encoding="utf-8")
    for file in (firmware / "network.cpp", firmware / "parameters.h"):
        file.write_text(
            file.read_text(encoding="utf-8").replace("nnet::spikeline", f"{namespace}::spikeline"),
            encoding="utf-8",
        )
    target = firmware / mutant.file if mutant.file == DEFINES else ours / mutant.file
    text = target.read_text(encoding="utf-8")
    assert mutant.old in text
    target.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def equal(emulation: Emulation, index: int) -> bool:
    """Whether unit `index` gives the golden model's trace and beats."""
    network = emulation.units[index].network
    counts = counts_of(network)
    expected = golden.run(network, counts)
    alike = expected.first_mismatch(emulation.run(counts, index)) is None
    return alike and emulation.beats(counts, index) == encode_trace(expected)


def test_the_networks_are_right_without_an_error(program):
    emulation, kinds = program
    assert [kind for index, kind in enumerate(kinds) if not equal(emulation, index)] == []


@pytest.mark.parametrize("index", range(len(CHOSEN)), ids=[mutant.name for mutant in CHOSEN])
def test_a_planted_error_shows(program, index):
    emulation, kinds = program
    assert not equal(emulation, len(kinds) + index)
