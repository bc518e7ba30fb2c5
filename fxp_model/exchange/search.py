"""The narrowest weights of each stage that keep the spikes within a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from fxp_model.exchange.calibration import Calibration
from fxp_model.exchange.comparison import Losses, losses
from fxp_model.exchange.description import FloatNetwork, FloatTrace
from fxp_model.exchange.quantize import Range, Widths, quantized
from fxp_model.network import Network

LEAST_BITS = 2


def search_widths(
    network: FloatNetwork,
    widths: Widths,
    ranges: Sequence[Range],
    clips: Calibration,
    trace: FloatTrace,
    limit: float,
    input_bits: int,
    progress: Callable[[int], object] = lambda done: None,
) -> tuple[Network, Losses]:
    """Narrow the weights of one stage after the other, bit by bit, while `Losses.differing` stays at most
    `limit`.

    The stage with the most weights goes first, as far as it can. Where `widths` themselves are beyond the
    limit, nothing is narrowed. `progress` is called after each try.
    """
    each = [widths] * len(network.stages)
    best = quantized(network, each, ranges, input_bits)
    table = losses(network, best, clips, trace)
    open_stages = {index for index, own in enumerate(each) if own.weight > LEAST_BITS}
    if table.differing > limit:
        open_stages = set()
    while open_stages:
        index = max(open_stages, key=lambda own: network.stages[own].weight.size)
        narrower = replace(each[index], weight=each[index].weight - 1)
        tried = [*each[:index], narrower, *each[index + 1 :]]
        candidate = quantized(network, tried, ranges, input_bits)
        found = losses(network, candidate, clips, trace)
        progress(1)
        if found.differing <= limit:
            each, best, table = tried, candidate, found
        if found.differing > limit or narrower.weight == LEAST_BITS:
            open_stages.remove(index)
    return best, table
