"""The network as one frozen, self-validating object that holds no tensors.

`NetworkSpec` drives the golden model, QAT, the RTL, the HLS project and every
estimate. Equations: NUMERICS.md sections 4 to 8; limits: section 10.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from math import prod
from typing import Any, TypeGuard

from fxp_model.errors import InputError, shown
from fxp_model.fixed import (
    MAX_SHIFT,
    Overflow,
    QFormat,
    Rounding,
    parse_precision,
    round_shifted,
    signed_width,
)

SCORE = QFormat(signed=True, int_bits=32, frac_bits=0)
"""Format of a class score: 32 bits, in lsb of the readout's membrane (or in spikes); sums saturate."""

BETA = QFormat(signed=False, int_bits=0, frac_bits=8)
"""Default format of beta: 0 .. 255/256."""

MAX_NEURONS = 1 << 16
"""Widest layer: an event carries a 16-bit address."""
MAX_INPUT_BITS = 8
"""Widest input count: an event carries an 8-bit count."""
MAX_KERNEL_SIZE = 31
MAX_DELAY_STEPS = 1023
MAX_LAYERS = 247
"""Most hidden layers: a core has 4 KiB of registers, some of them for each layer."""
MAX_PARAMETERS = 1 << 26
"""Most weights, biases and delays of a network: 512 MiB as int64."""
MAX_SUM_BITS = 62
"""Widest exact sum; the golden model holds it in an int64."""
MAX_STRIDE = 1 << 16
"""Most steps from one answer to the next."""
OPTIONAL = {"leak_rounding": None, "max_input_delay": None, "synapse": None, "answer": "sample", "stride": 1}
"""Fields of a stage that are absent from its JSON form where they have these values."""


class ResetMode(StrEnum):
    """What a spike does to the membrane potential: in its own step, or `DELAYED`, in the sum of the next."""

    ZERO = "zero"
    SUBTRACT = "subtract"
    DELAYED = "delayed"


class RecurrenceKind(StrEnum):
    """How the delayed spikes of a layer reach its own neurons."""

    CONV = "conv"
    DENSE = "dense"


class ReadoutMode(StrEnum):
    """How the readout's membrane becomes a score."""

    SUM = "sum"
    LAST = "last"
    MAX = "max"
    SPIKE_COUNT = "spike_count"


class Answer(StrEnum):
    """When the readout answers: after the last step of a sample, or as the steps go by."""

    SAMPLE = "sample"
    STEP = "step"


@dataclass(frozen=True)
class RecurrenceSpec:
    """Recurrence of a layer over its axonal delays.

    ``conv``: i_rec[n] = sum_k w[k] * s[n + k - (K-1)/2], zero beyond the edges.
    ``dense``: i_rec[n] = sum_m R[n, m] * s[m].
    In both, ``s[m](t) = y[m](t - 1 - delay_steps[m])``, zero before step 0.

    Parameters
    ----------
    kind : RecurrenceKind
    weight : QFormat
        Format of the kernel or of the recurrent weights.
    max_delay : int
        Largest `delay_steps` of a neuron, 0..1023 steps.
    kernel_size : int
        Taps K of a ``conv`` recurrence, odd, 1..31; 0 for ``dense``.
    """

    kind: RecurrenceKind
    weight: QFormat
    max_delay: int
    kernel_size: int = 0

    def __post_init__(self) -> None:
        _instance("kind", self.kind, RecurrenceKind)
        _range("max_delay", self.max_delay, 0, MAX_DELAY_STEPS)
        _signed("recurrence weight", self.weight)
        if self.kind is RecurrenceKind.CONV:
            _range("kernel_size", self.kernel_size, 1, MAX_KERNEL_SIZE)
            if self.kernel_size % 2 == 0:
                raise InputError(f"kernel_size must be odd, not {self.kernel_size}")
        elif self.kernel_size != 0:
            raise InputError(f"kernel_size of a dense recurrence must be 0, not {self.kernel_size}")

    def fan_in(self, n_out: int) -> int:
        """Most delayed spikes that reach one neuron in one step."""
        return min(self.kernel_size, n_out) if self.kind is RecurrenceKind.CONV else n_out


@dataclass(frozen=True)
class ExactSum:
    """A sum without rounding, and the one requantisation Q of it.

    Parameters
    ----------
    terms : tuple of (int, int, int)
        Lowest and highest code, and fraction, of each term.
    target : QFormat
        Format of the result.
    rounding, overflow
        Modes of Q.
    """

    terms: tuple[tuple[int, int, int], ...]
    target: QFormat
    rounding: Rounding
    overflow: Overflow

    @property
    def frac_bits(self) -> int:
        """Fraction of the sum: that of its finest term."""
        return max(frac_bits for _, _, frac_bits in self.terms)

    @property
    def rounded_bits(self) -> int:
        """Fraction bits of the sum that Q rounds off."""
        return self.frac_bits - self.target.frac_bits

    @property
    def range(self) -> tuple[int, int]:
        """Lowest and highest possible sum, of fraction `frac_bits`."""
        low = sum(term << self.frac_bits - frac_bits for term, _, frac_bits in self.terms)
        high = sum(term << self.frac_bits - frac_bits for _, term, frac_bits in self.terms)
        return low, high

    @property
    def bits(self) -> int:
        """Width of the sum."""
        return signed_width(*self.range)

    def check(self, state: str) -> None:
        """`InputError`, naming the `state` that it gives, unless the sum can be computed."""
        _range(f"fraction bits of the exact sum below the {state}'s lsb", self.rounded_bits, 0, MAX_SHIFT)
        if self.bits > MAX_SUM_BITS:
            raise InputError(f"exact sum of the {state} must fit {MAX_SUM_BITS} bits, not {self.bits}")


@dataclass(frozen=True)
class Leak:
    """What is kept of a state in a step: share * state, exact, or rounded by itself to the state's lsb.

    Parameters
    ----------
    share : int or None
        One code of `share_format` for all neurons; None: one for each.
    share_format, state : QFormat
    rounding : Rounding or None
        None: exact.
    """

    share: int | None
    share_format: QFormat
    state: QFormat
    rounding: Rounding | None

    @property
    def shift(self) -> int:
        """Bits that are rounded off; 0 when it is exact."""
        return 0 if self.rounding is None else max(self.share_format.frac_bits, 0)

    @property
    def frac_bits(self) -> int:
        """Fraction of the term."""
        return self.share_format.frac_bits + self.state.frac_bits - self.shift

    @property
    def term(self) -> tuple[int, int, int]:
        """Lowest and highest code, and fraction."""
        share = self.share_format.max_raw if self.share is None else self.share
        low, high = (share * end for end in (self.state.min_raw, self.state.max_raw))
        if self.rounding is not None:
            low, high = (int(round_shifted(end, self.shift, self.rounding)) for end in (low, high))
        return low, high, self.frac_bits

    @property
    def product_bits(self) -> int:
        """Width of share * state, exact."""
        share = self.share_format.max_raw if self.share is None else self.share
        return signed_width(share * self.state.min_raw, share * self.state.max_raw)

    def check(self, name: str) -> None:
        """`InputError` unless the share, called `name`, is a code of its format."""
        _instance(f"{name}_format", self.share_format, QFormat)
        if self.share_format.signed:
            raise InputError(f"{name}_format must be unsigned, not {self.share_format}")
        if self.share is not None:
            _range(name, self.share, self.share_format.min_raw, self.share_format.max_raw)
        if self.rounding is not None:
            _instance("leak_rounding", self.rounding, Rounding)


@dataclass(frozen=True, kw_only=True)
class SynapseSpec:
    """Synaptic current, a second leaky state of each neuron: c = Q(alpha * c + i), i exact.

    Parameters
    ----------
    current : QFormat
        Signed format of c.
    alpha : int or None
        Raw share of the current that is kept per step, a code of `alpha_format`; None: one per neuron.
    alpha_format : QFormat
        Unsigned.
    rounding, overflow
        Modes of Q.
    leak_rounding : Rounding or None
        As in `IntegratorSpec`, of alpha * c.
    """

    current: QFormat
    alpha: int | None
    alpha_format: QFormat = BETA
    rounding: Rounding = Rounding.RND
    overflow: Overflow = Overflow.SAT
    leak_rounding: Rounding | None = None

    def __post_init__(self) -> None:
        _signed("current", self.current)
        _instance("rounding", self.rounding, Rounding)
        _instance("overflow", self.overflow, Overflow)
        self.leak.check("alpha")

    @property
    def leak(self) -> Leak:
        """What is kept of the current."""
        return Leak(self.alpha, self.alpha_format, self.current, self.leak_rounding)


@dataclass(frozen=True, kw_only=True)
class IntegratorSpec:
    """The common base of hidden layers and readout: v = Q(beta * v + i), i exact.

    Parameters
    ----------
    n_in, n_out : int
        Inputs and neurons, 1..65536.
    input_bits : int
        Bits of an input: 1 for spikes, up to 8 for counts.
    weight, bias, membrane : QFormat
        Signed formats of W (N_out, N_in), of the bias and of the membrane potential.
    beta : int or None
        Raw share of the membrane that is kept per step, a code of `beta_format`; None: one per neuron.
    beta_format : QFormat
        Unsigned.
    rounding, overflow
        Modes of the one requantisation Q.
    leak_rounding : Rounding or None
        Mode in which beta * v is rounded to the membrane's lsb before it is added; None: exact.
    max_input_delay : int or None
        Longest forward delay of an input, 0..1023 steps; None: inputs have none.
    synapse : SynapseSpec or None
        Synaptic current, which then takes i, and whose c is the i of the membrane; None: none.
    """

    n_in: int
    n_out: int
    input_bits: int = 1
    weight: QFormat
    bias: QFormat
    membrane: QFormat
    beta: int | None
    beta_format: QFormat = BETA
    rounding: Rounding = Rounding.RND
    overflow: Overflow = Overflow.SAT
    leak_rounding: Rounding | None = None
    max_input_delay: int | None = None
    synapse: SynapseSpec | None = None

    def __post_init__(self) -> None:
        _range("n_in", self.n_in, 1, MAX_NEURONS)
        _range("n_out", self.n_out, 1, MAX_NEURONS)
        _range("input_bits", self.input_bits, 1, MAX_INPUT_BITS)
        for name in ("weight", "bias", "membrane"):
            _signed(name, getattr(self, name))
        _instance("rounding", self.rounding, Rounding)
        _instance("overflow", self.overflow, Overflow)
        self._check_threshold()
        self.leak.check("beta")
        if self.max_input_delay is not None:
            _range("max_input_delay", self.max_input_delay, 0, MAX_DELAY_STEPS)
        if self.synapse is not None:
            _instance("synapse", self.synapse, SynapseSpec)
            self.input_sum.check("synaptic current")
        self.membrane_sum.check("membrane")

    def _check_threshold(self) -> None:
        """Checked before the sums, which it may be a term of."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter array, by the names in `network.StageParams`."""
        shapes: dict[str, tuple[int, ...]] = {"weight": (self.n_out, self.n_in), "bias": (self.n_out,)}
        if self.beta is None:
            shapes["beta"] = (self.n_out,)
        if self.synapse is not None and self.synapse.alpha is None:
            shapes["alpha"] = (self.n_out,)
        if self.max_input_delay is not None:
            shapes["input_delay_steps"] = (self.n_in,)
        return shapes

    @property
    def leak(self) -> Leak:
        """What is kept of the membrane."""
        return Leak(self.beta, self.beta_format, self.membrane, self.leak_rounding)

    @property
    def max_input(self) -> int:
        """Largest sum of a neuron's inputs in one step."""
        return (1 << self.input_bits) - 1

    @property
    def accumulator_bits(self) -> int:
        """Worst-case width of sum_j W[n, j] * x[j], with the lsb of the weights."""
        reach = self.n_in * self.max_input
        return signed_width(reach * self.weight.min_raw, reach * self.weight.max_raw)

    @property
    def membrane_sum(self) -> ExactSum:
        """beta * v + i, and what a delayed reset subtracts."""
        if self.synapse is None:
            inputs = self._inputs()
        else:
            fmt = self.synapse.current
            inputs = [(fmt.min_raw, fmt.max_raw, fmt.frac_bits)]
        terms = (self.leak.term, *inputs, *self._reset_terms())
        return ExactSum(terms, self.membrane, self.rounding, self.overflow)

    @property
    def input_sum(self) -> ExactSum:
        """The exact sum that the inputs are terms of: the synaptic current's, or else the membrane's."""
        if self.synapse is None:
            return self.membrane_sum
        terms = (self.synapse.leak.term, *self._inputs())
        return ExactSum(terms, self.synapse.current, self.synapse.rounding, self.synapse.overflow)

    @property
    def sums(self) -> tuple[tuple[Leak, ExactSum], ...]:
        """The sums of the stage: of the membrane, then of the synaptic current if there is one."""
        membrane = (self.leak, self.membrane_sum)
        return (membrane,) if self.synapse is None else (membrane, (self.synapse.leak, self.input_sum))

    @property
    def sum_frac_bits(self) -> int:
        """Fraction of the exact sum of the membrane."""
        return self.membrane_sum.frac_bits

    @property
    def input_frac_bits(self) -> int:
        """Fraction of i_syn and i_rec: that of the exact sum that they are terms of."""
        return self.input_sum.frac_bits

    @property
    def rounded_bits(self) -> int:
        """Fraction bits of the exact sum that the requantisation of the membrane rounds off."""
        return self.membrane_sum.rounded_bits

    @property
    def sum_range(self) -> tuple[int, int]:
        """Lowest and highest possible exact sum of the membrane, of fraction `sum_frac_bits`."""
        return self.membrane_sum.range

    @property
    def sum_bits(self) -> int:
        """Width of the exact sum of the membrane."""
        return self.membrane_sum.bits

    def _inputs(self) -> list[tuple[int, int, int]]:
        """Lowest and highest code and fraction of each term of i."""
        reach = self.n_in * self.max_input
        w, b = self.weight, self.bias
        return [
            (reach * w.min_raw, reach * w.max_raw, w.frac_bits),
            (b.min_raw, b.max_raw, b.frac_bits),
        ]

    def _reset_terms(self) -> list[tuple[int, int, int]]:
        """The same of what a delayed reset adds, if there is one."""
        if not fires(self) or self.reset_mode is not ResetMode.DELAYED:
            return []
        return [(-(self.membrane.max_raw if self.v_th is None else self.v_th), 0, self.membrane.frac_bits)]


@dataclass(frozen=True, kw_only=True)
class LayerSpec(IntegratorSpec):
    """A hidden layer of leaky integrate-and-fire neurons.

    Adds to `IntegratorSpec`:

    v_th : int or None
        Raw threshold, a positive code of `membrane`; None: one per neuron. A neuron fires when v >= v_th.
    reset_mode : ResetMode
        ``zero``: v = 0 after a spike; ``subtract``: v = v - v_th, exact; ``delayed``: -v_th in the next sum.
    recurrence : RecurrenceSpec or None
        None: no recurrence.
    """

    v_th: int | None
    reset_mode: ResetMode = ResetMode.ZERO
    recurrence: RecurrenceSpec | None = None

    def _check_threshold(self) -> None:
        if self.recurrence is not None:
            _instance("recurrence", self.recurrence, RecurrenceSpec)
        if self.v_th is not None:
            _range("v_th", self.v_th, 1, self.membrane.max_raw)
        _instance("reset_mode", self.reset_mode, ResetMode)

    def _inputs(self) -> list[tuple[int, int, int]]:
        terms = super()._inputs()
        if self.recurrence is not None:
            w, reach = self.recurrence.weight, self.recurrence.fan_in(self.n_out)
            terms.append((reach * w.min_raw, reach * w.max_raw, w.frac_bits))
        return terms

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each array of its parameters; with a recurrence, also of its weights and delays."""
        own = super().shapes
        if self.v_th is None:
            own["v_th"] = (self.n_out,)
        if self.recurrence is not None:
            conv = self.recurrence.kind is RecurrenceKind.CONV
            own["recurrent"] = (self.recurrence.kernel_size,) if conv else (self.n_out, self.n_out)
            own["delay_steps"] = (self.n_out,)
        return own

    @property
    def recurrent_parameters(self) -> int:
        """Trained numbers of the recurrence: K + N for ``conv``, N**2 + N for ``dense``."""
        shapes = self.shapes
        return sum(prod(shapes[key]) for key in ("recurrent", "delay_steps") if key in shapes)


@dataclass(frozen=True, kw_only=True)
class ReadoutSpec(IntegratorSpec):
    """Leaky readout: u = Q(beta * u + i), score z by `mode`.

    ``sum``: z += u; ``last``: z = u of the last step; ``max``: z = largest u;
    ``spike_count``: the neuron fires and resets like a hidden one, z += y.

    v_th, reset_mode
        For ``spike_count`` only; `v_th` is 0 in the other modes.
    answer : Answer
        ``sample``: scores, after the last step; ``step``: class, score, margin, after every `stride` steps.
    stride : int
        1..65536; 1 if the answer is per sample.
    """

    mode: ReadoutMode = ReadoutMode.SUM
    v_th: int | None = 0
    reset_mode: ResetMode = ResetMode.ZERO
    answer: Answer = Answer.SAMPLE
    stride: int = 1

    def _check_threshold(self) -> None:
        _instance("answer", self.answer, Answer)
        _range("stride", self.stride, 1, 1 if self.answer is Answer.SAMPLE else MAX_STRIDE)
        _instance("mode", self.mode, ReadoutMode)
        _instance("reset_mode", self.reset_mode, ResetMode)
        if self.mode is not ReadoutMode.SPIKE_COUNT:
            if self.v_th != 0 or isinstance(self.v_th, bool):
                raise InputError(f"v_th of a {self.mode} readout must be 0, not {self.v_th}")
        elif self.v_th is not None:
            _range("v_th of a spike_count readout", self.v_th, 1, self.membrane.max_raw)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each array of its parameters."""
        return super().shapes | ({"v_th": (self.n_out,)} if self.v_th is None else {})


def fires(spec: IntegratorSpec) -> TypeGuard[LayerSpec | ReadoutSpec]:
    """Whether the neurons of a stage have a threshold, and so spike and reset."""
    return isinstance(spec, LayerSpec) or (
        isinstance(spec, ReadoutSpec) and spec.mode is ReadoutMode.SPIKE_COUNT
    )


@dataclass(frozen=True)
class NetworkSpec:
    """Hidden layers in order, then the readout.

    Parameters
    ----------
    layers : tuple of LayerSpec
        1..247; only the first may take counts (``input_bits > 1``).
    readout : ReadoutSpec
    """

    layers: tuple[LayerSpec, ...]
    readout: ReadoutSpec

    def __post_init__(self) -> None:
        _instance("layers", self.layers, tuple)
        if not self.layers:
            raise InputError("a network must have at least 1 hidden layer, not 0")
        if len(self.layers) > MAX_LAYERS:
            raise InputError(
                f"a network must have at most {MAX_LAYERS} hidden layers, not {len(self.layers)}"
            )
        for name, layer in zip(self.stage_names, self.layers, strict=False):
            _instance(name, layer, LayerSpec)
        _instance("readout", self.readout, ReadoutSpec)
        stages: list[IntegratorSpec] = [*self.layers, self.readout]
        for index, (before, after) in enumerate(zip(self.layers, stages[1:], strict=True), start=1):
            name = self.stage_names[index]
            if after.n_in != before.n_out:
                raise InputError(f"n_in of {name} must be {before.n_out} (n_out before it), not {after.n_in}")
            if after.input_bits != 1:
                raise InputError(f"input_bits of {name} must be 1 (spikes), not {after.input_bits}")
        parameters = sum(prod(shape) for stage in stages for shape in stage.shapes.values())
        if parameters > MAX_PARAMETERS:
            raise InputError(f"a network must have at most {MAX_PARAMETERS} parameters, not {parameters}")

    @property
    def stages(self) -> tuple[IntegratorSpec, ...]:
        """Hidden layers and readout, in the order of the data flow."""
        return (*self.layers, self.readout)

    @property
    def stage_names(self) -> tuple[str, ...]:
        """``layer0``, ``layer1``, ..., ``readout``: the names used in files, messages and RTL."""
        return (*(f"layer{i}" for i in range(len(self.layers))), "readout")

    @property
    def n_in(self) -> int:
        """Input channels."""
        return self.layers[0].n_in

    @property
    def n_out(self) -> int:
        """Classes."""
        return self.readout.n_out

    def to_dict(self) -> dict[str, Any]:
        """JSON form; what a stage may have and does not (`OPTIONAL`) is left out."""
        table = asdict(self)
        for stage in (*table["layers"], table["readout"]):
            for key, usual in OPTIONAL.items():
                if key in stage and stage[key] == usual:
                    del stage[key]
        return table

    @classmethod
    def from_dict(cls, value: Any) -> NetworkSpec:
        """Inverse of `to_dict`; refuses missing, unknown and ill-typed fields by name.

        A format may also be a precision (`QFormat.from_string`). That of a membrane has modes,
        ``ap_fixed<16,6,AP_RND,AP_SAT>``; `rounding` and `overflow` may then be left out.
        """
        table = _fields("network", value, cls)
        if not isinstance(table["layers"], list | tuple):
            raise InputError(f"network.layers must be a list, not {shown(table['layers'])}")
        layers = tuple(_layer(f"network.layers[{i}]", v) for i, v in enumerate(table["layers"]))
        readout = _integrator("network.readout", table["readout"], ReadoutSpec)
        return cls(layers, _named("network.readout", ReadoutSpec, readout))


def _layer(name: str, value: Any) -> LayerSpec:
    table = _integrator(name, value, LayerSpec)
    if table["recurrence"] is not None:
        path = f"{name}.recurrence"
        rec = _fields(path, table["recurrence"], RecurrenceSpec)
        rec["kind"] = _choice(f"{path}.kind", rec["kind"], RecurrenceKind)
        rec["weight"] = _format(f"{path}.weight", rec["weight"])
        table["recurrence"] = _named(path, RecurrenceSpec, rec)
    return _named(name, LayerSpec, table)


def _integrator(name: str, value: Any, cls: type) -> dict[str, Any]:
    table = _fields(name, _with_modes(name, value), cls)
    for key, item in table.items():
        path = f"{name}.{key}"
        if key in ("weight", "bias", "membrane", "beta_format", "current", "alpha_format"):
            table[key] = _format(path, item)
        elif key == "synapse" and item is not None:
            table[key] = _named(path, SynapseSpec, _integrator(path, item, SynapseSpec))
        elif key in _CHOICES and not (key == "leak_rounding" and item is None):
            table[key] = _choice(path, item, _CHOICES[key])
    return table


def _with_modes(name: str, value: Any) -> Any:
    """`value` with the modes given by its membrane, if that is a precision."""
    if not isinstance(value, dict) or not isinstance(value.get("membrane"), str):
        return value
    try:
        membrane, rounding, overflow = parse_precision(value["membrane"])
    except InputError as error:
        raise InputError(f"{name}.membrane: {error}") from None
    table = {"rounding": rounding, "overflow": overflow} | value | {"membrane": membrane.to_dict()}
    for key, mode in (("rounding", rounding), ("overflow", overflow)):
        if table[key] != mode:
            said = f"as {name}.membrane says ({value['membrane']})"
            raise InputError(f"{name}.{key} must be {mode}, {said}, not {shown(table[key])}")
    return table


_CHOICES: dict[str, type[StrEnum]] = {
    "rounding": Rounding,
    "overflow": Overflow,
    "leak_rounding": Rounding,
    "reset_mode": ResetMode,
    "mode": ReadoutMode,
    "answer": Answer,
}


def _format(name: str, value: Any) -> QFormat:
    if isinstance(value, str):
        try:
            return QFormat.from_string(value)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
    fmt: QFormat = _named(name, QFormat, _fields(name, value, QFormat))
    return fmt


def _named(name: str, cls: type, table: dict[str, Any]) -> Any:
    """Build `cls`, prefixing error messages with the field's path."""
    try:
        return cls(**table)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _fields(name: str, value: Any, cls: type) -> dict[str, Any]:
    """`value` as a table with exactly the fields of the dataclass `cls`; `OPTIONAL` ones may be absent."""
    if not isinstance(value, dict):
        raise InputError(f"{name} must be an object, not {shown(value)}")
    expected = {f.name for f in fields(cls)}
    for key in sorted(expected - value.keys() - set(OPTIONAL)):
        raise InputError(f"{name}.{key} is missing")
    for key in sorted(value.keys() - expected):
        raise InputError(f"{name}.{shown(key)[1:-1]} is unknown")
    return dict(value)


def _choice(name: str, value: Any, kind: type[StrEnum]) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise InputError(f"{name} must be one of {', '.join(kind)}, not {shown(value)}") from None


def _range(name: str, value: Any, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{name} must be an integer of {low}..{high}, not {shown(value)}")


def _instance(name: str, value: Any, kind: type) -> None:
    if not isinstance(value, kind):
        raise InputError(f"{name} must be of type {kind.__name__}, not {shown(value)}")


def _signed(name: str, fmt: QFormat) -> None:
    _instance(name, fmt, QFormat)
    if not fmt.signed:
        raise InputError(f"{name} must be a signed format, not {fmt}")
