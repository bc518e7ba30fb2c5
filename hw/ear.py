"""The hardware of an ear: which microphone it has, and the top level of an artifact that hears."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from fxp_model.artifact import Artifact
from fxp_model.ear.gain import MAX_GAIN
from fxp_model.ear.i2s import FRAME, I2sSpec
from fxp_model.ear.pdm import SAMPLE_HZ, PdmSpec
from fxp_model.ear.resampler import EAR_RATE_HZ, ResamplerSpec
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from fxp_model.encoding import check_limit
from fxp_model.errors import InputError, shown
from fxp_model.spec import Answer
from hw.config import HardwareConfig
from hw.ear_registers import register_map
from hw.estimates.ear import sample_cycles
from hw.rtl.ear.device import Device, Microphone
from hw.rtl.ear.gain import Gain
from hw.rtl.ear.i2s import I2sInput
from hw.rtl.ear.pcm import PcmInput
from hw.rtl.ear.pdm import PdmInput
from hw.rtl.ear.pdm_receiver import MIN_DIVIDER
from hw.rtl.ear.resampler import resampler_cycles
from hw.rtl.ear.schedule import MULTIPLIERS
from hw.verilog import emit_top

MICROPHONES = ("i2s", "pdm", "pcm")
I2S_HZ = 8_000, 192_000
"""Rates of an I2S microphone. Below, a sample of it would be more of the ear's than wait there."""
PDM_RATIOS = tuple(ratio for ratio in range(FRAME, 201) if ratio % 4 == 0 or ratio % 5 == 0)
"""Bits of a PDM microphone in a sample, for which there are decimators; the fewest need the slowest clock."""
DEVIATION = 0.02
"""Largest share by which the rate of a microphone may differ, as a clock has few dividers."""


def ear_of(artifact: Artifact) -> EarSpec:
    """The ear with which the network of an artifact hears; `InputError` if it has none."""
    if artifact.encoder is None:
        raise InputError(f"{artifact.name} must have an ear, not frames without an encoder")
    return EarSpec.from_dict(artifact.encoder)


@dataclass(frozen=True)
class EarConfig:
    """How an ear is built.

    Parameters
    ----------
    microphone : str
        One of `MICROPHONES`.
    multipliers : int
        Of the filters: 1, 2 or 4.
    settles : bool
        The microphone needs its time after power-up, as those do that one can buy.
    rate_hz : int, optional
        Samples per second of the microphone; by default those of the ear. From others a resampler makes
        16,000: of a microphone on I2S 8,000 .. 192,000, of a host's PCM those of `ResamplerSpec`.
    clock_hz : int, optional
        Of the device, from which the clock of a microphone is divided; by default the slowest that is enough.

    Raises
    ------
    InputError
        There is no such microphone, or `multipliers` is something else.
    """

    microphone: str = "i2s"
    multipliers: int = 1
    settles: bool = True
    rate_hz: int | None = None
    clock_hz: int | None = None

    def __post_init__(self) -> None:
        if self.microphone not in MICROPHONES:
            names = ", ".join(MICROPHONES)
            raise InputError(f"microphone must be one of {names}, not {shown(self.microphone)}")
        if self.multipliers not in MULTIPLIERS:
            raise InputError(f"multipliers must be 1, 2 or 4, not {shown(self.multipliers)}")

    @property
    def i2s(self) -> I2sSpec:
        """Of an `I2sInput`."""
        return I2sSpec() if self.settles else I2sSpec(settle_frames=4)

    def pdm(self, ear: EarSpec) -> PdmSpec:
        """Of a `PdmInput`."""
        spec = PdmSpec.design(SAMPLE_HZ * self.dividers(ear)[0])
        return spec if self.settles else replace(spec, dropped=40)

    def rate_of(self, ear: EarSpec) -> int:
        """Samples per second of the microphone."""
        return ear.rate_hz if self.rate_hz is None else self.rate_hz

    def resampler(self, ear: EarSpec) -> ResamplerSpec | None:
        """What is between microphone and `ear`, if their rates are not the same.

        Raises
        ------
        InputError
            There is no resampler for these rates, or none for this microphone.
        """
        rate = self.rate_of(ear)
        if rate == ear.rate_hz:
            return None
        if self.microphone == "pdm" or ear.rate_hz != EAR_RATE_HZ:
            who = "a PDM microphone" if self.microphone == "pdm" else f"what is not heard at {EAR_RATE_HZ} Hz"
            raise InputError(f"rate_hz of {who} must be that of the ear, {ear.rate_hz}, not {shown(rate)}")
        spec = ResamplerSpec.design(rate)
        if self.microphone == "i2s":
            low, high = I2S_HZ
            check_limit("rate_hz of an I2S microphone", rate, low <= rate <= high, f"in {low}..{high}")
        return spec

    def needed_cycles(self, ear: EarSpec) -> int:
        """Cycles from a sample of the microphone to the next with which all is done in time.

        The ear needs `hw.estimates.ear.sample_cycles` for each of its own. A sample that cannot wait is
        through gain and resampler before the next one comes; one that can is so on average.
        """
        spec = self.resampler(ear)
        needed = -(-sample_cycles(ear, self.multipliers) * ear.rate_hz // self.rate_of(ear))
        if spec is None:
            return needed
        output, waits = resampler_cycles(spec, 0, 1), self.microphone == "pcm"
        outputs = -(-output * spec.up // spec.down) if waits else output * -(-spec.up // spec.down)
        return max(needed, Gain.cycles(MAX_GAIN) + 1 + outputs)

    def sample_cycles(self, ear: EarSpec) -> int:
        """Cycles from a sample to the next, of a microphone exactly, and no fewer than are needed."""
        periods, cycles = self.dividers(ear)
        return periods * cycles

    def dividers(self, ear: EarSpec) -> tuple[int, int]:
        """Periods of the clock of a microphone in a sample, and cycles in such a period.

        Those of I2S are 64, those of PDM at least; with a `clock_hz`, the ones by which the rate is nearest.

        Raises
        ------
        InputError
            The clock is too slow, or no divider brings the rate within `DEVIATION`.
        """
        needed, rate = self.needed_cycles(ear), self.rate_of(ear)
        if self.microphone == "pcm":
            slowest = 1, needed
        else:
            slowest = FRAME, max({"i2s": 2, "pdm": MIN_DIVIDER}[self.microphone], -(-needed // FRAME))
        if self.clock_hz is None:
            return slowest
        clock, least = self.clock_hz, slowest[0] * slowest[1] * rate
        check_limit("clock_hz", clock, clock >= least, f"at least {least} for this ear and microphone")
        if self.microphone == "pcm":
            return 1, clock // rate
        ratios = PDM_RATIOS if self.microphone == "pdm" else (FRAME,)
        pairs = [(periods, round(clock / rate / periods)) for periods in ratios]
        fast = [own for own in pairs if own[1] >= MIN_DIVIDER or own[0] == FRAME]
        best = min(
            (own for own in fast if own[0] * own[1] >= needed),
            key=lambda own: (abs(own[0] * own[1] - clock / rate), own[0]),
        )
        actual = clock / (best[0] * best[1])
        if abs(actual / rate - 1) > DEVIATION:
            what = f"{rate} samples per second within {DEVIATION:.0%}, not {actual:.0f}"
            raise InputError(f"clock_hz must give {what}: {clock}")
        return best

    def input(self, ear: EarSpec) -> Microphone:
        """The component in front of `ear`."""
        if self.microphone == "pcm":
            return PcmInput()
        _, cycles = self.dividers(ear)
        return I2sInput(self.i2s, cycles) if self.microphone == "i2s" else PdmInput(self.pdm(ear), cycles)


def device_of(
    artifact: Artifact, config: HardwareConfig, own: EarConfig, trigger: TriggerSpec | None
) -> Device:
    """The top level of an artifact with an ear; with answers per step it has no `trigger`.

    Raises
    ------
    InputError
        Network, ear, trigger, widths and rate do not belong to each other.
    """
    ear, network = ear_of(artifact), artifact.network
    # before a Component exists: Amaranth warns about one that is never elaborated
    config.check(network.spec)
    n_in, most = network.spec.n_in, network.spec.layers[0].max_input
    check_limit("channels of the ear", ear.channels, ear.channels == n_in, f"{n_in}")
    check_limit("largest count of the ear", ear.max_count, ear.max_count <= most, f"at most {most}")
    if (trigger is None) is not (network.spec.readout.answer is Answer.STEP):
        raise InputError("a device must have a trigger with an answer per sample, and none with one per step")
    if trigger is not None:
        ours, theirs = ear.log_frac_bits, trigger.log_frac_bits
        check_limit("log_frac_bits of the trigger", theirs, theirs == ours, f"{ours}")
    resampler, sha256 = own.resampler(ear), artifact.sha256
    return Device(network, config, ear, trigger, own.multipliers, own.input(ear), resampler, sha256)


def trigger_of(artifact: Artifact) -> TriggerSpec:
    """Of an artifact's ear, with samples as long as those of its stimulus; a host can change them."""
    ear = ear_of(artifact)
    defaults = TriggerSpec()
    octave, duration = 1 << ear.log_frac_bits, len(artifact.stimulus)
    check_limit("steps of the stimulus", duration, duration <= 4095, "at most 4095")
    return replace(
        defaults,
        rise=defaults.rise * octave >> defaults.log_frac_bits,
        fall=defaults.fall * octave >> defaults.log_frac_bits,
        log_frac_bits=ear.log_frac_bits,
        duration=duration,
        floor_least=max(0, ear.level_floor - 3),
    )


def own_trigger(artifact: Artifact) -> TriggerSpec | None:
    """`trigger_of` the artifact's device, or None with answers per step, where every frame is a step."""
    return trigger_of(artifact) if artifact.network.spec.readout.answer is Answer.SAMPLE else None


class EmittedDevice(NamedTuple):
    """A generated top level: name of its module, Verilog, and its part of a manifest."""

    name: str
    verilog: str
    manifest: dict[str, Any]


def emit_device(artifact: Artifact, config: HardwareConfig, own: EarConfig, name: str) -> EmittedDevice:
    """Generate an artifact's top level with an ear as the module `name`.

    Raises
    ------
    InputError
        The artifact has no ear, or `name` cannot be that of a core.
    """
    ear, trigger = ear_of(artifact), own_trigger(artifact)
    verilog, ports = emit_top(device_of(artifact, config, own, trigger), name)
    cycles = own.sample_cycles(ear)
    manifest = {
        "name": name,
        **asdict(own),
        "trigger": None if trigger is None else asdict(trigger),
        "rate_hz": own.rate_of(ear),
        "sample_cycles": cycles,
        "needed_cycles": own.needed_cycles(ear),
        "clock_hz": cycles * own.rate_of(ear) if own.clock_hz is None else own.clock_hz,
        "ports": [asdict(port) for port in ports],
        "registers": [asdict(register) for register in register_map(trigger is not None)],
    }
    return EmittedDevice(name, verilog, manifest)
