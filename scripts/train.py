"""Train a network, quantisation-aware; writes OUT/artifact, OUT/log.csv and OUT/checkpoint.npz.

With --float there is no artifact: a network of real numbers, to compare with, has no integers.

Several processes train in parallel with `torchrun --nproc-per-node N scripts/train.py ...`.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fxp_model.errors import InputError
from fxp_model.options import Parser, nonempty, real, some_path, whole
from fxp_model.pretrained import find_artifact
from fxp_model.qat.limits import LIMITS
from fxp_model.spec import Answer, ReadoutMode, RecurrenceKind, ResetMode

SYNTHETIC_EPOCHS = 15
"""Enough for the synthetic words, which are easier than recorded ones."""


AUGMENTATIONS = {
    "time_shift": "time shift in steps, either way",
    "channel_shift": "channel shift, either way",
    "event_drop": "share of counts dropped",
    "time_mask": "width of a silenced block of steps",
    "channel_mask": "width of a silenced block of channels",
    "time_stretch": "relative change of tempo, either way",
    "blend": "share of clips blended with another of their class",
}


def within(name: str) -> Callable[[str], int | float]:
    """Type of the option of what `LIMITS` calls `name`."""
    low, high = LIMITS[name]
    return whole(low, high) if isinstance(low, int) and isinstance(high, int) else real(low, high)


def parser() -> Parser:
    """The options."""
    from fxp_model.data.conditions import GAIN_DB, SHARE, SHIFT_MS, SNR_DB
    from fxp_model.ear.spec import MAX_CHANNELS, MAX_SECTIONS, MIN_CHANNELS, EarSpec
    from fxp_model.qat.template import RecurrentLayers, Shape
    from fxp_model.qat.train import Recipe

    shape, recipe = Shape(), Recipe()
    parser = Parser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add(
        "--data",
        type=nonempty,
        required=True,
        default=argparse.SUPPRESS,
        help="folder of a data set, or 'synthetic'",
    )
    add("--out", required=True, default=argparse.SUPPRESS, type=some_path, help="output folder")
    add("--resume", action="store_true", help="continue from the checkpoint in OUT")
    origin = add(
        "--from",
        dest="origin",
        type=find_artifact,
        metavar="ARTIFACT",
        default=argparse.SUPPRESS,
        help="network to start from, with its shape and encoder, as an imported one",
    )
    parent = add(
        "--start",
        dest="parent",
        type=some_path,
        metavar="FOLDER",
        default=argparse.SUPPRESS,
        help="output folder of another training, whose best parameters but leaks this one starts with",
    )
    parser.not_with(origin, parent)
    add("--seed", type=within("seed"), default=recipe.seed, help="seed of all random numbers")
    network = parser.add_argument_group("network")
    add = network.add_argument
    add(
        "--hidden",
        type=within("neurons"),
        nargs="+",
        metavar="N",
        default=list(shape.hidden),
        help="neurons of each hidden layer",
    )
    add(
        "--recurrence",
        choices=(*RecurrenceKind, "none"),
        default=str(shape.recurrence),
        help="kind of recurrence",
    )
    layers = str(shape.recurrent_layers)
    add(
        "--recurrent-layers",
        choices=tuple(RecurrentLayers),
        default=layers,
        help="hidden layers with recurrence",
    )
    add(
        "--kernel",
        type=within("kernel_size"),
        default=shape.kernel_size,
        help="taps of a conv kernel, odd",
    )
    add(
        "--max-delay",
        type=within("max_delay"),
        default=shape.max_delay,
        help="largest axonal delay in steps",
    )
    add(
        "--beta",
        type=within("beta"),
        nargs="+",
        metavar="B",
        default=list(shape.beta),
        help="leak at the start, of all hidden layers or of each; time constant of 1 / (1 - B) steps",
    )
    add(
        "--alpha",
        type=within("alpha"),
        nargs="+",
        metavar="A",
        default=argparse.SUPPRESS,
        help="hidden layers have a synaptic current that keeps A per step at the start, in all or in each "
        "(default: they have none)",
    )
    readout_beta = add(
        "--readout-beta",
        type=within("beta"),
        default=argparse.SUPPRESS,
        help=f"the same of the readout (default: {shape.readout_beta:g})",
    )
    add(
        "--forward-delay",
        type=within("forward_delay"),
        nargs="+",
        metavar="STEPS",
        default=list(shape.forward_delay),
        help="largest delay of the inputs of all stages or of each, the readout's last; 0: they have none",
    )
    widths = [
        add(f"--{name.replace('_', '-')}", type=within(name), default=getattr(shape, name), help=help_text)
        for name, help_text in (
            ("weight_bits", "width of the weights"),
            ("kernel_bits", "width of a conv kernel's taps"),
        )
    ]
    add(
        "--reset",
        choices=tuple(ResetMode),
        default=str(shape.reset_mode),
        help="reset of a neuron after a spike",
    )
    add(
        "--readout",
        choices=tuple(ReadoutMode),
        default=str(shape.readout),
        help="how the readout's membrane becomes a score",
    )
    answer = add(
        "--answer",
        choices=tuple(Answer),
        default=str(shape.answer),
        help="after each sample, or after each step, of readout last and labels per step; with --from, step "
        "makes this of a network that answers per sample, and takes --readout-beta and --stride",
    )
    stride = add("--stride", type=within("stride"), default=shape.stride, help="steps from answer to answer")
    kept = [own for own in network._group_actions if own not in (answer, stride, readout_beta)]
    parser.not_with(origin, *kept)
    parser.only_with(answer, stride)
    training = parser.add_argument_group("training")
    add = training.add_argument
    epochs_help = f"epochs (default: {recipe.epochs}; {SYNTHETIC_EPOCHS} for synthetic)"
    add("--epochs", type=within("epochs"), default=argparse.SUPPRESS, help=epochs_help)
    add("--batch", type=within("batch"), default=recipe.batch, help="batch size in clips")
    add("--lr", type=within("learning_rate"), default=recipe.learning_rate, help="peak learning rate")
    add("--dropout", type=within("dropout"), default=recipe.noise.dropout, help="share of spikes dropped")
    noise_default = recipe.noise.recurrent_dropout
    add(
        "--recurrent-dropout",
        type=within("recurrent_dropout"),
        default=noise_default,
        help="share of neurons without recurrent current, for an entire clip",
    )
    add(
        "--label-smoothing",
        type=within("label_smoothing"),
        default=recipe.label_smoothing,
        help="label smoothing of the targets",
    )
    add(
        "--spike-cost",
        type=within("spike_cost"),
        default=recipe.spike_cost,
        help="penalty in the loss per mean spike of a neuron and step",
    )
    floats = add(
        "--float",
        action="store_true",
        default=argparse.SUPPRESS,
        help="train real numbers, to compare with: a checkpoint and a log, and no artifact",
    )
    parser.not_with(floats, *widths)
    teacher = add("--teacher", type=find_artifact, metavar="ARTIFACT", help="network to distil from")
    parser.only_with(
        teacher,
        add(
            "--taught",
            type=within("taught"),
            default=recipe.taught,
            help="share of the distillation loss",
        ),
    )
    fixed = argparse.BooleanOptionalAction
    delays_help = "off, as with --from: they stay where they start (default: on)"
    add("--learn-delays", action=fixed, default=argparse.SUPPRESS, help=delays_help)
    start_delays = add(
        "--start-delays",
        type=within("start_delay"),
        nargs=2,
        metavar=("LOW", "HIGH"),
        default=list(recipe.start_delays),
        help="range of random delays at the start",
    )
    delay_line = add(
        "--delay-line",
        type=within("line_delay"),
        metavar="STEPS",
        default=argparse.SUPPRESS,
        help="the first hidden layer is a delay line of 1 + STEPS steps per neuron, for long sequences",
    )
    add(
        "--truncate",
        type=within("truncate"),
        metavar="STEPS",
        default=argparse.SUPPRESS,
        help="truncated back-propagation: no gradient passes through states from one window of STEPS to the "
        "window before (default: it does)",
    )
    parser.not_with(origin, start_delays, delay_line)
    parser.not_with(parent, start_delays)
    add("--learn-beta", action=fixed, default=recipe.learn_beta, help="train the leaks too")
    hearing = parser.add_argument_group("hearing of sound: each epoch draws one copy of each clip")
    add = hearing.add_argument
    add("--encoder", choices=(EarSpec.name,), default=EarSpec.name, help="of sound, as in hardware")
    ear_help = "filters of the ear (default: 140)", "second-order sections of each (default: 2)"
    left_out = argparse.SUPPRESS
    channels = add("--channels", type=whole(MIN_CHANNELS, MAX_CHANNELS), default=left_out, help=ear_help[0])
    sections = add("--sections", type=whole(1, MAX_SECTIONS), default=left_out, help=ear_help[1])
    parser.not_with(origin, channels, sections)
    copies = add(
        "--copies",
        type=within("copies"),
        default=1,
        help="of each clip: one as it was recorded, the others under conditions drawn at random",
    )
    span: dict[str, Any] = {"nargs": 2, "metavar": ("LOW", "HIGH")}
    noise = add("--noise", type=some_path, metavar="FOLDER", help="recordings to mix in; a fifth is left out")
    share = add("--noise-share", type=real(*SHARE), default=0.7, help="of the other copies that have noise")
    snr = add("--snr-db", type=real(*SNR_DB), default=[0.0, 30.0], help="clip over noise", **span)
    gain = add("--gain-db", type=real(*GAIN_DB), default=[-30.0, 6.0], help="of the other copies", **span)
    shift = add("--shift-ms", type=real(*SHIFT_MS), default=0.0, help="of the other copies, either way")
    parser.only_with(noise, share, snr)
    parser.only_with(copies, noise, gain, shift)
    variants = parser.add_argument_group("augmentation, largest changes; default for arrays: none")
    for name, meaning in AUGMENTATIONS.items():
        value = getattr(recipe.augmentation, name)
        variants.add_argument(
            f"--{name.replace('_', '-')}",
            type=within(name),
            default=argparse.SUPPRESS,
            help=f"{meaning} (default: {value:g})",
        )
    return parser


def main() -> int:
    """Train, say where the artifact is."""
    # OpenMP's waiting threads sleep, so that training keeps its speed on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from fxp_model.data import Conditions, Part, open_noise
    from fxp_model.data.arrays import arrays_in
    from fxp_model.qat.augment import NO_AUGMENTATION
    from fxp_model.qat.network import Regularization
    from fxp_model.qat.parallel import launched
    from fxp_model.qat.session import train_artifact
    from fxp_model.qat.template import RecurrentLayers, Shape
    from fxp_model.qat.train import Recipe

    args = parser().options()
    if hasattr(args, "origin") and hasattr(args, "readout_beta") and args.answer != Answer.STEP:
        raise InputError("--readout-beta with --from requires --answer step")
    recipe, shape = Recipe(), Shape()
    shape = Shape(
        hidden=tuple(args.hidden),
        recurrence=None if args.recurrence == "none" else RecurrenceKind(args.recurrence),
        recurrent_layers=RecurrentLayers(args.recurrent_layers),
        kernel_size=args.kernel,
        max_delay=args.max_delay,
        alpha=tuple(getattr(args, "alpha", ())),
        beta=tuple(args.beta),
        readout_beta=getattr(args, "readout_beta", shape.readout_beta),
        forward_delay=tuple(args.forward_delay),
        weight_bits=args.weight_bits,
        kernel_bits=args.kernel_bits,
        reset_mode=ResetMode(args.reset),
        readout=ReadoutMode(args.readout),
        answer=Answer(args.answer),
        stride=args.stride,
    )
    recipe = Recipe(
        epochs=getattr(args, "epochs", SYNTHETIC_EPOCHS if args.data == "synthetic" else recipe.epochs),
        batch=args.batch,
        seed=args.seed,
        learning_rate=args.lr,
        label_smoothing=args.label_smoothing,
        spike_cost=args.spike_cost,
        taught=args.taught,
        learn_delays=getattr(args, "learn_delays", not hasattr(args, "origin")),
        learn_beta=args.learn_beta,
        quantized=not hasattr(args, "float"),
        start_delays=tuple(args.start_delays),
        line_delay=getattr(args, "delay_line", None),
        truncate=getattr(args, "truncate", None),
        noise=Regularization(args.dropout, args.recurrent_dropout),
        augmentation=replace(
            NO_AUGMENTATION if arrays_in(Path(args.data)) else recipe.augmentation,
            **{name: getattr(args, name) for name in AUGMENTATIONS if hasattr(args, name)},
        ),
    )
    conditions = Conditions(
        gain_db=tuple(args.gain_db),
        snr_db=tuple(args.snr_db),
        noise=None if args.noise is None else open_noise(args.noise, Part.TRAIN),
        noise_share=args.noise_share,
        shift_ms=args.shift_ms,
        seed=args.seed,
    )
    ear = {name: getattr(args, name) for name in ("channels", "sections") if hasattr(args, name)}
    heard = [replace(conditions, copy=copy) for copy in range(1, args.copies)]
    command = shlex.join(["python", *sys.argv])
    with launched():
        artifact = train_artifact(
            args.data,
            args.out,
            shape,
            recipe,
            resume=args.resume,
            teacher=args.teacher,
            start=getattr(args, "origin", None),
            parent=getattr(args, "parent", None),
            ear=ear,
            heard=heard,
            command=command,
        )
    if artifact is None:
        return 0
    val = artifact.metrics["val"]
    print(f"{args.out / 'artifact'}: accuracy {val['accuracy']:.4f} on {val['clips']} validation clips")
    return 0
