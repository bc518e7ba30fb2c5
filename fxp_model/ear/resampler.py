"""PCM of any usual rate at 16 kHz, by an integer polyphase filter (NUMERICS.md section 15)."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.checks import check_type, integers
from fxp_model.ear.gain import PCM
from fxp_model.errors import InputError, shown
from fxp_model.fixed import Overflow, QFormat, Rounding, requantize, signed_width

EAR_RATE_HZ = 16_000
"""Samples per second that the ear hears."""
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 1_000_000
"""Slowest and fastest input."""
MAX_TAPS = 1 << 16
"""Most taps of all phases together. The first half of them is held in memory."""
TAP_BITS = 18
"""Bits of a tap: a word of a block RAM, and an operand of a multiplier, on 7-series and ECP5."""
MAX_TAP_FRAC_BITS = 32
"""Largest fraction of a tap."""
PASS, STOP = 0.9, 1.1
"""Edges of pass-band and stop-band, in shares of half the lower one of the two rates."""
STOP_DB = 80.0
"""Attenuation that the integer taps keep in the stop-band. In the pass-band they keep `RIPPLE_DB`."""
RIPPLE_DB = 0.001
"""Largest deviation from 0 dB in the pass-band, in dB."""

_DESIGN_DB = 86.0
"""Attenuation before the taps are rounded."""
_CHUNK = 1 << 10
"""Outputs that are computed together, which bounds memory."""


@dataclass(frozen=True)
class ResamplerSpec:
    """A filter for L / M times the rate, in integers.

    Parameters
    ----------
    rate_hz : int
        Rate of the input, 1,000..1,000,000.
    taps_per_phase : int
        K, inputs that an output is made of.
    half : tuple of int
        The first half of the K * L taps, and the middle one: they are symmetric. Codes of `tap`.
    frac_bits : int
        Fraction of a tap.

    Raises
    ------
    InputError
        If a value is out of range, or the number of taps is not as stated.
    """

    rate_hz: int
    taps_per_phase: int
    half: tuple[int, ...]
    frac_bits: int

    def __post_init__(self) -> None:
        _check_range("rate_hz", self.rate_hz, MIN_RATE_HZ, MAX_RATE_HZ)
        _check_range("taps_per_phase", self.taps_per_phase, 1, MAX_TAPS // self.up)
        _check_range("frac_bits", self.frac_bits, 0, MAX_TAP_FRAC_BITS)
        codes = integers("half", self.half).astype(np.int64)
        if codes.shape != ((self.n_taps + 1) // 2,):
            raise InputError(f"half must hold {(self.n_taps + 1) // 2} taps, not {shown(codes.shape)}")
        QFormat(True, TAP_BITS, 0).check("half", codes)

    @classmethod
    def design(cls, rate_hz: int) -> ResamplerSpec:
        """The filter from `rate_hz`: a windowed sinc, Kaiser's window, taps rounded to `TAP_BITS`.

        The fraction is the largest that the largest tap allows. At 16,000 Hz it is one tap of 1.

        Raises
        ------
        InputError
            If the rate is out of range, or so odd that there are more than `MAX_TAPS` taps.
        """
        _check_range("rate_hz", rate_hz, MIN_RATE_HZ, MAX_RATE_HZ)
        if rate_hz == EAR_RATE_HZ:
            return cls(rate_hz, taps_per_phase=1, half=(1,), frac_bits=0)
        from scipy import signal

        up = EAR_RATE_HZ // gcd(rate_hz, EAR_RATE_HZ)
        fast, lower = up * rate_hz, min(rate_hz, EAR_RATE_HZ)
        taps, beta = signal.kaiserord(_DESIGN_DB, (STOP - PASS) * lower / fast)
        taps_per_phase = -(-taps // up)
        n_taps = up * taps_per_phase
        if n_taps > MAX_TAPS:
            raise InputError(
                f"rate_hz must need at most {MAX_TAPS} taps to {EAR_RATE_HZ} Hz, not {n_taps}: {rate_hz}"
            )
        real = up * signal.firwin(n_taps, lower / 2, window=("kaiser", beta), fs=fast)[: (n_taps + 1) // 2]
        frac_bits = int(np.floor(np.log2(((1 << TAP_BITS - 1) - 1) / real.max())))
        codes = QFormat(True, TAP_BITS - frac_bits, frac_bits).from_real(real)
        return cls(rate_hz, taps_per_phase, tuple(codes.tolist()), frac_bits)

    @property
    def up(self) -> int:
        """L, phases of the filter."""
        return EAR_RATE_HZ // gcd(self.rate_hz, EAR_RATE_HZ)

    @property
    def down(self) -> int:
        """M, steps from an output to the next in phases."""
        return self.rate_hz // gcd(self.rate_hz, EAR_RATE_HZ)

    @property
    def n_taps(self) -> int:
        """K * L."""
        return self.taps_per_phase * self.up

    @property
    def tap(self) -> QFormat:
        """Format of a tap."""
        return QFormat(True, TAP_BITS - self.frac_bits, self.frac_bits)

    @property
    def phases(self) -> NDArray[np.int64]:
        """(L, K): h[p + k L] in row p, column k."""
        half = np.array(self.half, dtype=np.int64)
        taps = np.concatenate([half, half[: self.n_taps // 2][::-1]])
        return taps.reshape(self.taps_per_phase, self.up).T

    @property
    def sum_bits(self) -> int:
        """Bits of the narrowest two's complement word of every sum, and of every partial sum."""
        phases = self.phases
        above, below = np.maximum(phases, 0).sum(axis=1), np.minimum(phases, 0).sum(axis=1)
        low = above * PCM.min_raw + below * PCM.max_raw
        high = above * PCM.max_raw + below * PCM.min_raw
        return signed_width(int(low.min()), int(high.max()))


class Resampler:
    """Resamples a stream, piece by piece: the pieces make no difference.

    Parameters
    ----------
    spec : ResamplerSpec
    """

    def __init__(self, spec: ResamplerSpec) -> None:
        check_type("spec", spec, ResamplerSpec)
        self._spec = spec
        self._phases = spec.phases[:, ::-1]
        self._history = np.zeros(spec.taps_per_phase - 1, dtype=np.int64)
        self._position = 0

    def step(self, samples: ArrayLike) -> NDArray[np.int64]:
        """The outputs that the next `samples` complete.

        Parameters
        ----------
        samples : (n,) array_like of integers
            Codes of `fxp_model.ear.gain.PCM` at the rate of the spec.

        Returns
        -------
        (m,) ndarray of int64
            The same at 16 kHz.

        Raises
        ------
        InputError
            If `samples` has another shape, or a code is out of range.
        """
        spec = self._spec
        new = integers("samples", samples).astype(np.int64)
        if new.ndim != 1:
            raise InputError(f"samples must have shape (n,), not {new.shape}")
        PCM.check("samples", new)

        # positions of the outputs in phases, 0 at the first new sample
        positions = np.arange(self._position, spec.up * len(new), spec.down)
        heard = np.concatenate([self._history, new])
        outputs = np.empty(len(positions), dtype=np.int64)
        for start in range(0, len(positions), _CHUNK):
            part = slice(start, start + _CHUNK)
            place, phase = np.divmod(positions[part], spec.up)
            windows = np.lib.stride_tricks.sliding_window_view(heard, spec.taps_per_phase)
            sums = np.einsum("nk,nk->n", windows[place], self._phases[phase])
            outputs[part] = requantize(sums, spec.frac_bits, PCM, Rounding.RND, Overflow.SAT)
        self._position += spec.down * len(positions) - spec.up * len(new)
        self._history = heard[len(new) :]
        return outputs


def _check_range(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{name} must be {low}..{high}, not {shown(value)}")
