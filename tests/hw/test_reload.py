"""The words that a host writes to reload a core, and the networks that are refused."""

import re
import zlib
from dataclasses import replace

import numpy as np
import pytest
from amaranth.lib import data

from fxp_model.errors import InputError
from fxp_model.network import Network
from fxp_model.spec import SynapseSpec
from hw import reload
from hw.config import HardwareConfig
from hw.reload import Image, blocks, image
from hw.rtl.banks import Part
from hw.verilog import emit
from tb.harness import planted
from tb.harness.forward_delays import with_forward_delays
from tb.harness.stimulus import random_hardware, random_network, retrained

NETWORK, CONFIG = planted.network(), replace(planted.hardware(), reload=True)
SHA256 = "0123456789abcdef" * 4


def test_a_network_is_taken_apart_into_words_and_put_together_again() -> None:
    other = retrained(NETWORK, 1)
    words = list(image(NETWORK, CONFIG, other, SHA256).words)
    found: dict[tuple[int, int], list[int]] = {}
    for block in blocks(NETWORK, CONFIG):
        pieces = -(-block.width // 32)
        rows = [[words.pop(0) for _ in range(pieces)] for _ in block.rows]
        found[block.stage, block.part] = [
            sum(word << 32 * index for index, word in enumerate(row)) for row in rows
        ]
        assert all(row < 1 << block.width for row in found[block.stage, block.part])
    assert words == []

    weight = other.params[0].weight
    lanes = [[row >> 4 * lane & 15 for lane in range(12)] for row in found[0, Part.WEIGHT]]
    np.testing.assert_array_equal(np.array(lanes).T, weight & 15)
    assert found[1, Part.V_TH] == [other.spec.layers[1].v_th]
    assert found[0, Part.HASH] == [0x01234567, 0x89ABCDEF] * 4
    kernel = other.params[0].recurrent
    assert kernel is not None
    assert found[0, Part.TABLE][0b101] == (int(kernel[0]) + int(kernel[2])) & 63


def test_the_checksum_is_that_of_zlib() -> None:
    assert Image(()).crc32 == 0
    assert Image((0x64636261,)).crc32 == zlib.crc32(b"abcd")


@pytest.mark.parametrize("name", ["stage", "row", "piece"])
def test_a_memory_that_a_word_cannot_name_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = data.StructLayout({"stage": 8, "row": 24, "piece": 12} | {name: 1 if name != "piece" else 0})
    monkeypatch.setattr(reload, "LOAD", narrow)
    with pytest.raises(InputError, match=r"^a core with reload must have at most (2|32) [a-z ]+, not \d+$"):
        emit(NETWORK, CONFIG, "core")


@pytest.mark.parametrize("seed", range(0, 24, 3))
def test_every_part_of_any_network_has_its_place(seed: int) -> None:
    network = random_network(seed)
    config = replace(random_hardware(network, seed), reload=True)
    found = blocks(network, config)
    assert len({(block.stage, block.part) for block in found}) == len(found)
    assert len(image(network, config, retrained(network, 1)).words) == sum(b.region.words for b in found)


def _with(**fields: object) -> Network:
    """The network with other fields in its first layer."""
    spec = NETWORK.spec
    layers = (replace(spec.layers[0], **fields), *spec.layers[1:])
    return Network(replace(spec, layers=layers), NETWORK.params)


def test_another_threshold_is_no_other_spec() -> None:
    assert image(NETWORK, CONFIG, _with(v_th=5)).words != image(NETWORK, CONFIG, NETWORK).words


def test_another_spec_is_refused_by_its_first_field() -> None:
    message = "the network to load must have the core's spec: spec.layers[0].beta is 3, not 2"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        image(NETWORK, CONFIG, _with(beta=2))


def test_one_threshold_is_not_replaced_by_one_of_each_neuron() -> None:
    layer, own = NETWORK.spec.layers[0], NETWORK.params[0]
    each = replace(own, v_th=np.full(layer.n_out, 5))
    spec = replace(NETWORK.spec, layers=(replace(layer, v_th=None), *NETWORK.spec.layers[1:]))
    message = "the network to load must have the core's spec: spec.layers[0].v_th is 20, not None"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        image(NETWORK, CONFIG, Network(spec, (each, *NETWORK.params[1:])))


def test_codes_of_each_neuron_are_words() -> None:
    layer, own = NETWORK.spec.layers[0], NETWORK.params[0]
    synapse = SynapseSpec(current=layer.membrane, alpha=None)
    changed = replace(layer, beta=None, v_th=None, synapse=synapse)
    each = np.arange(layer.n_out)
    params = replace(own, beta=each % 4, alpha=200 + each, v_th=1 + each)
    network = Network(
        replace(NETWORK.spec, layers=(changed, *NETWORK.spec.layers[1:])), (params, *NETWORK.params[1:])
    )
    found = {block.part: block for block in blocks(network, CONFIG) if block.stage == 0}
    # groups of five lanes
    assert (found[Part.BETA].width, found[Part.BETA].rows[0]) == (10, 0b00_11_10_01_00)
    assert (found[Part.ALPHA].width, found[Part.ALPHA].rows[2]) == (40, 0xD3D2)
    assert (found[Part.V_TH].width, found[Part.V_TH].rows[0] & 0x3FFFFF) == (5 * 11, 2 << 11 | 1)


def test_other_delays_are_refused() -> None:
    own = NETWORK.params[1]
    assert own.delay_steps is not None
    other = replace(own, delay_steps=(own.delay_steps + 1) % 5)
    network = Network(NETWORK.spec, (NETWORK.params[0], other, NETWORK.params[2]))
    message = r"^the network to load must have the core's delays: layer1\.delay_steps differ$"
    with pytest.raises(InputError, match=message):
        image(NETWORK, CONFIG, network)


LATE = with_forward_delays(NETWORK, 4)
"""With delays up to 3, 3 and 40 steps of the inputs, between the layers and before the readout."""


def _late(stage: int) -> Network:
    """`LATE` with other forward delays into a stage."""
    params = list(LATE.params)
    steps = params[stage].input_delay_steps
    assert steps is not None
    params[stage] = replace(params[stage], input_delay_steps=(steps + 1) % 4)
    return Network(LATE.spec, tuple(params))


@pytest.mark.parametrize(("stage", "programmable"), [(0, False), (1, False), (2, False), (0, True)])
def test_other_forward_delays_are_refused(stage: int, programmable: bool) -> None:
    """Those of the input channels always."""
    name = LATE.spec.stage_names[stage]
    message = rf"^the network to load must have the core's delays: {name}\.input_delay_steps differ$"
    with pytest.raises(InputError, match=message):
        image(LATE, replace(CONFIG, programmable_delays=programmable), _late(stage))


@pytest.mark.parametrize("stage", [1, 2])
def test_other_forward_delays_are_words_of_the_layer_that_sends(stage: int) -> None:
    config = replace(CONFIG, programmable_delays=True)
    both = [{(block.stage, block.part): block for block in blocks(n, config)} for n in (LATE, _late(stage))]
    different = {key for key, block in both[0].items() if block != both[1][key]}
    assert different == {(stage - 1, Part.FORWARD)}
    assert image(LATE, config, LATE).words != image(LATE, config, _late(stage)).words
    plain = image(LATE, CONFIG, LATE).words
    delays = [block for (_, part), block in both[0].items() if part in (Part.DELAY, Part.FORWARD)]
    assert len(image(LATE, config, LATE).words) == len(plain) + sum(block.region.words for block in delays)


def _with_delays(*steps: int) -> Network:
    """The network with these delays, repeated, in its second layer."""
    own = NETWORK.params[1]
    other = replace(own, delay_steps=np.resize(steps, len(own.weight)))
    return Network(NETWORK.spec, (NETWORK.params[0], other, NETWORK.params[2]))


def test_other_delays_are_words_where_they_are_programmable() -> None:
    config = replace(CONFIG, programmable_delays=True)
    other = _with_delays(0, 4, 3)
    found = {(block.stage, block.part): block for block in blocks(other, config)}
    own = found[1, Part.DELAY]
    # two lanes of three bits, the last without a neuron
    assert (own.width, own.rows) == (6, (0o40, 0o03, 0o34, 0o40, 0o3))
    assert {index for index, part in found if part == Part.DELAY} == {0, 1}
    mine = image(NETWORK, config, NETWORK).words
    words = image(NETWORK, config, other).words
    assert len(mine) == len(words)
    assert mine != words
    fixed = image(NETWORK, CONFIG, NETWORK).words
    assert len(words) == len(fixed) + sum(found[index, Part.DELAY].region.words for index in (0, 1))


@pytest.mark.parametrize("steps", [5, -1])
def test_no_network_has_delays_beyond_the_lines(steps: int) -> None:
    with pytest.raises(InputError, match=rf"^layer1\.delay_steps must be 0\.\.4, not {steps}$"):
        image(NETWORK, replace(CONFIG, programmable_delays=True), _with_delays(0, steps))


def test_another_limit_of_delays_is_another_spec() -> None:
    recurrence = NETWORK.spec.layers[0].recurrence
    assert recurrence is not None
    other = _with(recurrence=replace(recurrence, max_delay=7))
    message = "the network to load must have the core's spec: spec.layers[0].recurrence.max_delay is 4, not 7"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        image(NETWORK, replace(CONFIG, programmable_delays=True), other)


def test_a_core_without_reload_is_refused() -> None:
    with pytest.raises(InputError, match=r"^the core was generated without reload$"):
        image(NETWORK, HardwareConfig(CONFIG.stages), NETWORK)


def test_only_a_core_with_reload_has_banks() -> None:
    plain, twice = (emit(NETWORK, replace(CONFIG, reload=r), "a_core").memories for r in (False, True))
    shapes = {memory.path: (memory.depth, memory.width) for memory in plain}
    banks = {memory.path: (memory.depth, memory.width) for memory in twice}
    assert shapes["layer0.synapses.weights"] == (6, 48)
    assert banks["layer0.synapses.weights"] == (16, 64)
    assert shapes["layer1.update.bias"] == (5, 8)
    assert banks["layer1.update.bias"] == (16, 8)
    assert "layer0.conv.table_0_0" not in shapes
    assert banks["layer0.conv.table_0_0"] == (16, 6)
    for path, shape in shapes.items():
        # two banks of parameters, and sums wide enough for any weights
        grown = path.endswith((".weights", ".bias")) or "accumulators.column_" in path
        assert banks[path] == shape or (grown and banks[path] > shape)
