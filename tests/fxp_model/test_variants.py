"""Networks with another recurrence: what changes, and what does not."""

from dataclasses import replace

import numpy as np
import pytest

from fxp_model.errors import InputError
from fxp_model.network import Network, StageParams, run
from fxp_model.spec import RecurrenceKind, RecurrenceSpec
from fxp_model.variants import with_recurrence
from tests.oracles.plain_networks import BYTE, network_spec

CONV = RecurrenceSpec(RecurrenceKind.CONV, BYTE, max_delay=3, kernel_size=3)


def network() -> Network:
    """Two layers with a kernel, and between them one without."""
    rng = np.random.default_rng(1)
    spec = network_spec(5, 7, 6, 4, 3, recurrence=CONV)
    plain = replace(spec.layers[1], recurrence=None)
    spec = replace(spec, layers=(spec.layers[0], plain, spec.layers[2]))
    params = []
    for stage in spec.stages:
        weight = rng.integers(-128, 128, (stage.n_out, stage.n_in))
        own = {"recurrent": np.array([-3, 9, 4]), "delay_steps": rng.integers(0, 4, stage.n_out)}
        params.append(StageParams(weight, weight[:, 0], **(own if stage in spec.layers[::2] else {})))
    return Network(spec, tuple(params))


def test_dense_takes_the_format_and_the_delays_of_the_kernel():
    conv = network()
    dense = with_recurrence(conv, RecurrenceKind.DENSE)
    for index in (0, 2):
        spec, params = dense.spec.layers[index], dense.params[index]
        assert spec.recurrence == RecurrenceSpec(RecurrenceKind.DENSE, BYTE, max_delay=3)
        assert params.recurrent.shape == (spec.n_out, spec.n_out)
        assert len(np.unique(params.recurrent)) > spec.n_out
        assert np.array_equal(params.delay_steps, conv.params[index].delay_steps)
        assert np.array_equal(params.weight, conv.params[index].weight)
    assert dense.spec.layers[1] == conv.spec.layers[1]
    assert dense.params[1] is conv.params[1]
    assert dense.params[3] is conv.params[3]
    run(dense, np.ones((4, 1, 5), dtype=np.int64))


def test_it_is_the_same_each_time():
    first, second = (with_recurrence(network(), RecurrenceKind.DENSE) for _ in range(2))
    assert np.array_equal(first.params[0].recurrent, second.params[0].recurrent)
    assert np.array_equal(first.params[2].recurrent, second.params[2].recurrent)


def test_none_takes_kernel_and_delays_away():
    none = with_recurrence(network(), None)
    assert [layer.recurrence for layer in none.spec.layers] == [None] * 3
    assert all(params.recurrent is None and params.delay_steps is None for params in none.params)
    run(none, np.ones((4, 1, 5), dtype=np.int64))


def test_a_layer_of_that_kind_stays_as_it_is():
    conv = network()
    same = with_recurrence(conv, RecurrenceKind.CONV)
    assert same.spec == conv.spec
    assert all(a is b for a, b in zip(same.params, conv.params, strict=True))


def test_a_kernel_is_never_invented():
    dense = with_recurrence(network(), RecurrenceKind.DENSE)
    with pytest.raises(InputError, match=r"^layer0 has no kernel: its recurrence is dense$"):
        with_recurrence(dense, RecurrenceKind.CONV)
