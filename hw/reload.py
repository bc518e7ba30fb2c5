"""Another network for a running core: the words that a host writes, and their checksum."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fxp_model.errors import InputError
from fxp_model.network import Network, StageParams
from fxp_model.spec import IntegratorSpec, LayerSpec, RecurrenceKind, fires
from hw.config import HardwareConfig, StageConfig
from hw.registers import NO_HASH, hash_words
from hw.rtl.arithmetic import pack
from hw.rtl.banks import LOAD, WORD, Part, pieces
from hw.rtl.conv_engine import ConvEngine
from hw.rtl.delay_lines import Delays, forward_delays
from hw.rtl.loader import Region
from hw.rtl.neuron_update import neuron_codes
from hw.rtl.programmable_delay_lines import ProgrammableDelayLines
from hw.rtl.recurrent_synapses import inner_spec
from hw.rtl.synapse_array import SynapseArray


@dataclass(frozen=True)
class Block:
    """Content of one memory: `rows` of `width` bits."""

    stage: int
    part: int
    width: int
    rows: tuple[int, ...]

    @property
    def region(self) -> Region:
        """Its place in a load."""
        return Region(self.stage, self.part, len(self.rows), self.width)

    def words(self) -> Iterator[int]:
        """Words of 32 bits, row by row, the lowest first."""
        for row in self.rows:
            for piece in range(pieces(self.width)):
                yield row >> WORD * piece & 0xFFFFFFFF


def blocks(network: Network, config: HardwareConfig, sha256: str = NO_HASH) -> tuple[Block, ...]:
    """Everything in a core that can be reloaded, in the order of loading.

    Raises
    ------
    InputError
        If a word of the host could not say where it belongs (`hw.rtl.banks.LOAD`).
    """
    found = []
    stages = list(zip(network.spec.stages, network.params, config.stages, strict=True))
    for index, (spec, params, widths) in enumerate(stages):
        for part, width, rows in _stage_blocks(spec, params, widths, config.programmable_delays):
            found.append(Block(index, part, width, tuple(rows)))
        delays = forward_delays(*stages[index + 1][:2]) if index + 1 < len(stages) else None
        if delays is not None and config.programmable_delays:
            width, rows = _delay_rows(delays, widths.update_lanes)
            found.append(Block(index, Part.FORWARD, width, tuple(rows)))
    found.append(Block(0, Part.HASH, WORD, hash_words(sha256)))
    for block in found:
        _limit(block.stage + 1, 1 << LOAD["stage"].width, "stages")
        _limit(len(block.rows), 1 << LOAD["row"].width, "words in a memory")
        _limit(block.width, WORD << LOAD["piece"].width, "bits in a word of a memory")
    return tuple(found)


def _limit(number: int, most: int, what: str) -> None:
    if number > most:
        raise InputError(f"a core with reload must have at most {most} {what}, not {number}")


def _stage_blocks(
    spec: IntegratorSpec, params: StageParams, config: StageConfig, programmable_delays: bool
) -> Iterator[tuple[int, int, list[int]]]:
    weight = spec.weight.width
    yield Part.WEIGHT, config.lanes * weight, SynapseArray.rows(params.weight, weight, config)
    for part, codes in neuron_codes(spec, params, config).items():
        yield part, config.update_lanes * codes.bits, codes.rows
    if fires(spec) and spec.v_th is not None:
        yield Part.V_TH, spec.membrane.width, [spec.v_th]
    if not isinstance(spec, LayerSpec) or spec.recurrence is None:
        return
    assert params.recurrent is not None
    if programmable_delays:
        assert params.delay_steps is not None
        own = Delays(params.delay_steps.tolist(), spec.recurrence.max_delay)
        yield Part.DELAY, *_delay_rows(own, config.update_lanes)
    if spec.recurrence.kind is RecurrenceKind.DENSE:
        bits = inner_spec(spec).weight.width
        yield Part.RECURRENT, config.lanes * bits, SynapseArray.rows(params.recurrent, bits, config)
        return
    kernel = params.recurrent.tolist()
    bits = ConvEngine.current_bits(kernel, spec.recurrence.weight)
    for index, sums in enumerate(ConvEngine.tables(kernel)):
        yield Part.TABLE + index, bits, [pack([total], bits) for total in sums]


def _delay_rows(delays: Delays, lanes: int) -> tuple[int, list[int]]:
    """Width and words of the memory of `ProgrammableDelayLines`."""
    bits = lanes * ProgrammableDelayLines.delay_bits(delays.longest)
    return bits, ProgrammableDelayLines.rows(delays.steps, delays.longest, lanes)


@dataclass(frozen=True)
class Image:
    """Words that a host writes to RELOAD_DATA, and then the CRC for RELOAD_COMMIT."""

    words: tuple[int, ...]

    @property
    def crc32(self) -> int:
        """CRC-32 (that of zlib) of the words, each with its lowest byte first."""
        return zlib.crc32(b"".join(word.to_bytes(4, "little") for word in self.words))


def image(core: Network, config: HardwareConfig, network: Network, sha256: str = NO_HASH) -> Image:
    """The words that make a core generated for the network `core` run `network`, of the artifact `sha256`.

    Raises
    ------
    InputError
        If the core cannot be reloaded, or `network` differs in anything but weights, biases, kernels,
        thresholds, a neuron's own shares, and delays where they are programmable. Those of the input channels
        never are.
    """
    if not config.reload:
        raise InputError("the core was generated without reload")
    different = _difference("spec", core.spec.to_dict(), network.spec.to_dict())
    if different is not None:
        raise InputError(f"the network to load must have the core's spec: {different}")
    stages = zip(core.spec.stage_names, core.params, network.params, strict=True)
    for index, (name, mine, other) in enumerate(stages):
        fixed = () if config.programmable_delays else ("delay_steps", "input_delay_steps")
        for key in fixed if index else (*fixed[:1], "input_delay_steps"):
            own, wanted = getattr(mine, key), getattr(other, key)
            if own is not None and np.any(own != wanted):
                raise InputError(f"the network to load must have the core's delays: {name}.{key} differ")
    words = (word for block in blocks(network, config, sha256) for word in block.words())
    return Image(tuple(words))


def _difference(name: str, mine: Any, other: Any) -> str | None:
    """The first field in which two specs in JSON form differ; one threshold may be another."""
    if isinstance(mine, dict) and isinstance(other, dict) and mine.keys() == other.keys():
        pairs = [(f"{name}.{key}", mine[key], other[key]) for key in mine if not _loaded(key, mine, other)]
    elif isinstance(mine, list | tuple) and isinstance(other, list | tuple) and len(mine) == len(other):
        pairs = [(f"{name}[{index}]", *both) for index, both in enumerate(zip(mine, other, strict=True))]
    else:
        return None if mine == other else f"{name} is {mine}, not {other}"
    return next((text for pair in pairs if (text := _difference(*pair)) is not None), None)


def _loaded(key: str, mine: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the field is a threshold of all neurons, or of each, in both."""
    return key == "v_th" and (mine[key] is None) == (other[key] is None)
