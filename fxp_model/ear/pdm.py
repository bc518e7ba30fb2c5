"""From the bits of a PDM microphone to samples of 24 bits at 16 kHz (NUMERICS.md section 16)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from fxp_model.checks import integers
from fxp_model.ear.pdm_design import cic_response, fir_taps
from fxp_model.errors import InputError, shown
from fxp_model.fixed import Overflow, QFormat, Rounding, requantize, signed_width

SAMPLE_HZ = 16_000
"""Rate of the samples."""
SAMPLE = QFormat(signed=True, int_bits=24, frac_bits=0)
"""Format of a sample; 2**23 is a line of ones only."""
ORDER = 5
"""Integrators and combs of the CIC."""
DATA = QFormat(signed=True, int_bits=16, frac_bits=0)
"""Format of what the CIC gives to the FIR, and of a tap."""
BRANCH_TAPS = 32
"""Taps of the FIR for each of the CIC's outputs in a sample."""
FIR_SHIFT = 8
"""Bits below the lsb of a sample in the sum of the FIR."""
ABSENT_BITS = 1024
"""A line that gave this many equal bits has no microphone."""
SETTLING = 33
"""Samples that still depend on what was there before the first bit."""
START_UP = 50 * SAMPLE_HZ // 1000
"""Samples in the 50 ms that makers of MEMS microphones ask for, from the first clock to a valid signal."""


@dataclass(frozen=True)
class PdmSpec:
    """A decimator: a CIC of order 5 by `cic_ratio`, then a FIR by `fir_ratio`, to 16 kHz.

    Parameters
    ----------
    pdm_hz : int
        Clock of the microphone, 16 kHz times 64..200, a multiple of 64 or 80 kHz.
    fir_ratio : int
        4 or 5.
    taps : tuple of int
        Of the FIR, `h[0]` for the newest, 32 * `fir_ratio` of 16 bits.
    dropped : int
        Samples after the reset that are not delivered, 33 or more.

    Raises
    ------
    InputError
        If a field is out of its range.
    """

    pdm_hz: int
    fir_ratio: int
    taps: tuple[int, ...]
    dropped: int = START_UP

    def __post_init__(self) -> None:
        for name in ("pdm_hz", "fir_ratio", "dropped"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise InputError(f"{name} must be an integer, not {shown(value)}")
        if self.fir_ratio not in (4, 5):
            raise InputError(f"fir_ratio must be 4 or 5, not {self.fir_ratio}")
        step = SAMPLE_HZ * self.fir_ratio
        if self.pdm_hz % step or not 64 <= self.pdm_hz // SAMPLE_HZ <= 200:
            raise InputError(f"pdm_hz must be a multiple of {step} in 1024000..3200000, not {self.pdm_hz}")
        if self.dropped < SETTLING:
            raise InputError(f"dropped must be at least {SETTLING} samples, not {self.dropped}")
        if not isinstance(self.taps, tuple) or len(self.taps) != BRANCH_TAPS * self.fir_ratio:
            raise InputError(
                f"taps must be a tuple of {BRANCH_TAPS * self.fir_ratio} integers, not {shown(self.taps)}"
            )
        DATA.check("taps", integers("taps", self.taps).astype(np.int64))

    @classmethod
    def design(cls, pdm_hz: int) -> PdmSpec:
        """The decimator for a microphone at `pdm_hz`, with taps of `pdm_design.fir_taps`.

        The pass band is 0..7 kHz, with a ripple of 0.2 dB at most, droop of the CIC included; what folds
        into it from elsewhere is 80 dB lower, or more. Where the clock is a multiple of both, `fir_ratio`
        is 4, which takes fewer taps.

        Raises
        ------
        InputError
            If `pdm_hz` is no multiple of 64 or 80 kHz in 1.024..3.2 MHz.
        """
        if not isinstance(pdm_hz, int) or isinstance(pdm_hz, bool):
            raise InputError(f"pdm_hz must be an integer, not {shown(pdm_hz)}")
        if not 1_024_000 <= pdm_hz <= 3_200_000 or (pdm_hz % 64_000 and pdm_hz % 80_000):
            raise InputError(
                f"pdm_hz must be a multiple of 64000 or of 80000 in 1024000..3200000, not {pdm_hz}"
            )
        fir_ratio = 5 if pdm_hz % 64_000 else 4
        cic_ratio = pdm_hz // SAMPLE_HZ // fir_ratio
        taps = fir_taps(pdm_hz, cic_ratio, ORDER, BRANCH_TAPS * fir_ratio, _full_scale(cic_ratio))
        return cls(pdm_hz, fir_ratio, taps)

    @property
    def ratio(self) -> int:
        """Bits per sample, N = R * D."""
        return self.pdm_hz // SAMPLE_HZ

    @property
    def cic_ratio(self) -> int:
        """Bits per output of the CIC, R."""
        return self.ratio // self.fir_ratio

    @property
    def cic_shift(self) -> int:
        """Low bits of the last integrator that the combs do not see, s."""
        return _cic_shift(self.cic_ratio)

    @property
    def integrator_bits(self) -> int:
        """Width of an integrator, which wraps."""
        return DATA.width + self.cic_shift

    @cached_property
    def sum_bits(self) -> int:
        """Width of the FIR's sum, its half of an lsb included."""
        reach = sum(map(abs, self.taps)) << (DATA.width - 1)
        return signed_width(-reach, reach + (1 << (FIR_SHIFT - 1)))

    def response(self, hz: ArrayLike) -> NDArray[np.float64]:
        """Magnitude of CIC and FIR at the frequencies `hz`, (n,), up to `pdm_hz` / 2; 1 is full scale.

        |sin(pi f R / p) / (R sin(pi f / p))|^5 * |sum_j h[j] exp(-2 pi i f j R / p)| / G, p = `pdm_hz`,
        where G is the sum of h for which a line of ones gives 2^23
        """
        given = np.atleast_1d(np.asarray(hz, dtype=np.float64))
        turns = np.outer(given / self.pdm_hz, np.arange(len(self.taps)) * self.cic_ratio)
        fir = np.abs(np.exp(-2j * np.pi * turns) @ np.array(self.taps, dtype=np.float64))
        return cic_response(given, self.pdm_hz, self.cic_ratio, ORDER) * fir / _full_scale(self.cic_ratio)


def _cic_shift(cic_ratio: int) -> int:
    """Smallest s with R^5 / 2^s + 16 <= 2^15 - 1: what the combs give never wraps."""
    shift = 0
    while cic_ratio**ORDER > (DATA.max_raw - (1 << (ORDER - 1))) << shift:
        shift += 1
    return shift


def _full_scale(cic_ratio: int) -> float:
    """Sum of the taps by which a line of ones only gives 2^23."""
    return 2.0 ** (SAMPLE.width - 1 + FIR_SHIFT + _cic_shift(cic_ratio)) / cic_ratio**ORDER


class PdmDecimator:
    """The golden model: bits in, samples out, in pieces of any length.

    Parameters
    ----------
    spec : PdmSpec
    """

    def __init__(self, spec: PdmSpec) -> None:
        self.spec = spec
        self._integrators = [0] * ORDER
        self._combs = [0] * ORDER
        self._window = np.zeros(len(spec.taps) - 1, dtype=np.int64)
        self._bits = self._outputs = self._samples = 0
        self._last = self._run = 0

    @property
    def absent(self) -> bool:
        """Whether the last 1,024 bits, or more, are equal."""
        return self._run >= ABSENT_BITS

    def step(self, bits: ArrayLike) -> NDArray[np.int64]:
        """Samples, (M,), that the next `bits`, (n,), of 0 and 1, complete.

        Raises
        ------
        InputError
            If `bits` is not a row of 0 and 1.
        """
        given = integers("bits", bits) if np.size(bits) else np.zeros(np.shape(bits), np.int64)
        if given.ndim != 1:
            raise InputError(f"bits must have one dimension, not {given.ndim}")
        wrong = (given < 0) | (given > 1)
        if np.any(wrong):
            raise InputError(f"bits must be 0 or 1, not {given[wrong][0]}")
        given = given.astype(np.int64)
        if not given.size:
            return np.zeros(0, dtype=np.int64)
        self._watch(given)
        samples = self._fir(self._cic(given))
        late = max(0, self.spec.dropped - self._samples)
        self._samples += len(samples)
        return samples[late:]

    def _watch(self, bits: NDArray[np.int64]) -> None:
        changes = np.flatnonzero(np.diff(bits, prepend=self._last))
        self._run = len(bits) - int(changes[-1]) if changes.size else self._run + len(bits)
        self._last = int(bits[-1])

    def _cic(self, bits: NDArray[np.int64]) -> NDArray[np.int64]:
        spec = self.spec
        mask = (1 << spec.integrator_bits) - 1
        now = 2 * bits - 1
        for index, before in enumerate(self._integrators):
            total = (before + np.cumsum(now)) & mask
            self._integrators[index] = int(total[-1])
            now = np.concatenate(([before], total[:-1]))
        first = -(self._bits + 1) % spec.cic_ratio
        self._bits += len(bits)
        data = total[first :: spec.cic_ratio] >> spec.cic_shift
        if not data.size:
            return data
        for index, before in enumerate(self._combs):
            self._combs[index] = int(data[-1])
            data = np.diff(data, prepend=before)
        return requantize(data, 0, DATA, Rounding.TRN, Overflow.WRAP)

    def _fir(self, data: NDArray[np.int64]) -> NDArray[np.int64]:
        spec = self.spec
        known = np.concatenate((self._window, data))
        self._window = known[len(known) - len(self._window) :]
        first = -(self._outputs + 1) % spec.fir_ratio
        self._outputs += len(data)
        if first >= len(data):
            return np.zeros(0, dtype=np.int64)
        windows = sliding_window_view(known, len(spec.taps))[first :: spec.fir_ratio]
        sums = windows @ np.array(spec.taps[::-1], dtype=np.int64)
        return requantize(sums, FIR_SHIFT, SAMPLE, Rounding.RND, Overflow.SAT)
