"""Cells of a core on an FPGA, from its network and its configuration alone, in milliseconds.

Flip-flops, memories, shift registers and multipliers are counted as the RTL has them, by the rules by which
yosys maps them. Logic is the adders, multiplexers and tables of each block, each times a price in LUTs that
``scripts/fit_resources.py`` fits to synthesised cores. Flip-flops of an ear have such a price, too, by
``scripts/fit_ear.py``. What a board has around both was synthesised block by block, by
``scripts/fit_board.py``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fxp_model.checks import check_type
from fxp_model.ear.spec import EarSpec
from fxp_model.network import Network
from fxp_model.spec import Answer
from hw.config import HardwareConfig, StageConfig
from hw.ear import EarConfig
from hw.estimates.resources.board import HUB, board_parts
from hw.estimates.resources.ear import ear_parts
from hw.estimates.resources.frame import control, decoder, detector, loader, stage_counters
from hw.estimates.resources.input_delays import input_delays
from hw.estimates.resources.neurons import has_features
from hw.estimates.resources.parts import FABRICS, Parts
from hw.estimates.resources.prices import CorePrices, board_prices_of, ear_prices_of, prices_of
from hw.estimates.resources.stage import stage
from hw.rtl.delay_lines import forward_delays

Area = dict[str, int | float]


@dataclass(frozen=True)
class Estimate:
    """Predicted cells of a core, or of an ear, by the kinds of `hw.flows.yosys.area` except carries.

    total : of the whole core, or the whole ear
    blocks : of each instance, by its path; their sum is `total`
    error : of each kind, in percent of yosys' count: median and worst of what was used to check the model;
        with the share that neurons with features (`has_features`) have in it
    ear : what is in front of the core, and not in its figures
    """

    target: str
    total: Area
    blocks: Mapping[str, Area]
    error: Mapping[str, tuple[float, float]]
    ear: Estimate | None = None


def estimate(
    network: Network, config: HardwareConfig, target: str, ear: tuple[EarSpec, EarConfig] | None = None
) -> Estimate:
    """Predict what yosys makes of the core of `network` and `config` on `target`, and of an ear before it.

    Parameters
    ----------
    network : Network
        Its weights matter: they determine the widths of the accumulators.
    config : HardwareConfig
    target : str
        ``xilinx7`` or ``ecp5``.
    ear : (EarSpec, EarConfig), optional
        Estimated by `estimate_ear`.

    Raises
    ------
    InputError
        If there is no such target, or `config` does not fit.
    """
    check_type("network", network, Network)
    check_type("config", config, HardwareConfig)
    prices = prices_of(target)
    config.check(network.spec)
    blocks = {
        name: part.cells(FABRICS[target], prices.luts)
        for name, part in parts_of(network, config, target).items()
    }
    triggers = network.spec.readout.answer is Answer.SAMPLE
    heard = None if ear is None else estimate_ear(*ear, target, triggers)
    total = _sum(blocks.values())
    stages = zip(network.spec.stage_names, network.spec.stages, strict=True)
    featured = _sum(blocks[f"{name}.update"] for name, own in stages if has_features(own))
    return Estimate(target, total, blocks, _error(prices, total, featured), heard)


def estimate_ear(spec: EarSpec, config: EarConfig, target: str, triggers: bool = True) -> Estimate:
    """Predict what yosys makes of an ear, its microphone, and its registers.

    Parameters
    ----------
    spec : EarSpec
    config : EarConfig
    target : str
        ``xilinx7``, ``ecp5``, or ``up5k``, which is an iCE40 with multipliers.
    triggers : bool
        There is a trigger, as in front of a network that answers per sample.

    Raises
    ------
    InputError
        If there is no such target.
    """
    check_type("spec", spec, EarSpec)
    check_type("config", config, EarConfig)
    prices = ear_prices_of(target)
    blocks = {name: part.cells(target, prices) for name, part in ear_parts(spec, config, triggers).items()}
    return Estimate(target, _sum(blocks.values()), blocks, prices.error)


def estimate_board(
    labels: Sequence[str], ear: bool, clock_hz: int, target: str, *, hub: bool = False, steps: bool = False
) -> Estimate:
    """Predict what yosys makes of what a `BoardDevice` has around a core, or an ear and a core, but the LEDs.

    Parameters
    ----------
    labels : sequence of str
        Names of the classes.
    ear : bool
        There is an ear, too, whose registers are on the bus.
    clock_hz : int
        Of the device, whose UART has `hw.rtl.board.board.BAUD`.
    target : str
        ``xilinx7`` or ``ecp5``.
    hub : bool
        Of a `Hub` instead, which has no UART and no text.
    steps : bool
        The network answers per step.

    Raises
    ------
    InputError
        If there is no such target, a name is too long, or clock and baud rate do not fit each other.
    """
    prices = board_prices_of(target)
    parts = board_parts(FABRICS[target], prices, labels, ear, clock_hz, steps=steps)
    logic = prices_of(target).luts  # of the multiplexers of memories
    names = HUB if hub else parts
    blocks = {name: parts[name].cells(FABRICS[target], logic) for name in names}
    return Estimate(target, _sum(blocks.values()), blocks, prices.error)


def cells_of(parts: Mapping[str, Parts], target: str) -> Area:
    """Cells of some blocks together."""
    return _sum(part.cells(FABRICS[target], prices_of(target).luts) for part in parts.values())


def _error(prices: CorePrices, total: Area, featured: Area) -> dict[str, tuple[float, float]]:
    """Median and worst of `total`, of which `featured` is in neurons with features."""
    found = {}
    for kind, amount in total.items():
        share = featured.get(kind, 0) / amount if amount else 0
        (median, worst), (median_more, worst_more) = prices.error[kind], prices.neurons[kind]
        found[kind] = (median + share * median_more, worst + share * worst_more)
    return found


def _sum(areas: Iterable[Area]) -> Area:
    total: Counter[str] = Counter()
    for area in areas:
        total.update(area)
    return dict(total)


def parts_of(network: Network, config: HardwareConfig, target: str) -> dict[str, Parts]:
    """Contents of every block of the core, by its path."""
    blocks = frame_parts(network, config.stages[0].events_per_cycle, target, config.reload)
    if config.reload:
        blocks["control.loader"] = loader(FABRICS[target], network, config)
    out_events = [following.events_per_cycle for following in config.stages[1:]] + [1]
    for index, (widths, out) in enumerate(zip(config.stages, out_events, strict=True)):
        blocks |= stage_parts(network, index, widths, out, target, config.reload, config.programmable_delays)
    return blocks


def frame_parts(network: Network, slots: int, target: str, reload: bool = False) -> dict[str, Parts]:
    """The blocks around the stages; `slots` are the `events_per_cycle` of the first stage."""
    spec, fabric = network.spec, FABRICS[target]
    blocks = {"decoder": decoder(slots), "control": control(fabric, spec, slots)}
    if spec.layers[0].max_input_delay is not None:
        blocks |= input_delays(fabric, spec.layers[0], network.params[0], slots)
    if spec.readout.answer is Answer.STEP:
        blocks["control.detector"] = detector(fabric, spec.n_out, reload)
    return blocks


def stage_parts(
    network: Network,
    index: int,
    widths: StageConfig,
    out_events: int,
    target: str,
    reload: bool = False,
    programmable_delays: bool = False,
) -> dict[str, Parts]:
    """A stage and its counters; `out_events` are those of the next stage."""
    spec, fabric = network.spec, FABRICS[target]
    name, own, params = spec.stage_names[index], spec.stages[index], network.params[index]
    following = index + 1
    forward = None
    if following < len(spec.stages):
        forward = forward_delays(spec.stages[following], network.params[following])
    blocks = stage(fabric, own, params, widths, out_events, forward, reload, programmable_delays)
    named = {f"{name}.{block}": part for block, part in blocks.items()}
    wraps = spec.readout.answer is Answer.STEP
    return {f"control.{name}": stage_counters(own, widths, wraps), **named}
