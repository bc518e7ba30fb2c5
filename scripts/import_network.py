"""Make an artifact of another framework's network: NIR, Lava's .net, state dicts of snnTorch, DelRec and
delrec_snn, numpy.

What cannot be the same network is refused, naming layer or node; what the file does not say is asked for,
naming the option. Integer networks (Lava, and NIR files of export_nir.py) are taken over without any loss;
others are quantised, with the table of what each layer lost.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import argparse
import shlex
import sys

from tqdm import tqdm

from fxp_model.cli import write_json
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.importing import import_network
from fxp_model.exchange.quantize import Widths
from fxp_model.options import Parser, json_output, nonempty, real, some_path, whole
from fxp_model.spec import MAX_DELAY_STEPS, MAX_INPUT_BITS, ReadoutMode, ResetMode


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    parser.add_argument("file", type=some_path, metavar="FILE", help="the network")
    parser.add_argument("--out", type=some_path, required=True, help="folder of the artifact")
    said = parser.add_argument_group("what the file does not say")
    add = said.add_argument
    add("--dt", type=real(1e-12, 1e6), metavar="S", help="step of time in seconds (NIR)")
    add("--reset", choices=tuple(ResetMode), help="of neurons after a spike")
    add(
        "--cycle-delay",
        type=whole(1, MAX_DELAY_STEPS + 1),
        metavar="N",
        help="steps of a spike around a cycle without a Delay (NIR)",
    )
    add("--readout", choices=tuple(ReadoutMode), help="score of a last layer that does not fire")
    add("--beta", type=real(0, 1), help="share of the membrane kept per step (DelRec)")
    add("--readout-beta", type=real(0, 1), metavar="BETA", help="that of the last layer (default: BETA)")
    add("--v-th", type=real(1e-6, 1e6), metavar="V", help="threshold (DelRec)")
    add("--decay-input", action=argparse.BooleanOptionalAction, help="inputs times 1 - BETA (DelRec)")
    numbers = parser.add_argument_group("numbers")
    add = numbers.add_argument
    calibrate = add(
        "--calibrate",
        type=nonempty,
        metavar="DATA",
        help="data set, or npz file of counts, for ranges and losses (default: ranges of 32 thresholds)",
    )
    widths = Widths()
    add(
        "--weight-bits",
        type=whole(2, 16),
        default=widths.weight,
        metavar="B",
        help="of weights; with --spike-loss, the most (default: %(default)s)",
    )
    add(
        "--membrane-bits",
        type=whole(8, 32),
        default=widths.membrane,
        metavar="B",
        help="of membranes and currents (default: %(default)s)",
    )
    add(
        "--share-bits",
        type=whole(4, 16),
        default=widths.share,
        metavar="B",
        help="fraction of beta and alpha (default: %(default)s)",
    )
    loss = add(
        "--spike-loss",
        type=real(0, 1),
        metavar="SHARE",
        help="narrow the weights of each layer while at most this share of the spikes differs",
    )
    add(
        "--input-bits",
        type=whole(1, MAX_INPUT_BITS),
        metavar="B",
        help="of an input count (default: as DATA, or as FILE of export_nir.py, or 1)",
    )
    parser.only_with(calibrate, loss)
    parser.add_argument("--name", type=nonempty, help="of the network (default: that of FILE)")
    parser.add_argument(
        "--report", type=json_output, metavar="FILE", help="formats and losses as JSON; - for standard output"
    )
    return parser


def main() -> int:
    """Import, print the table."""
    args = parser().options()
    asked = Asked(
        dt=args.dt,
        reset=None if args.reset is None else ResetMode(args.reset),
        cycle_delay=args.cycle_delay,
        readout=None if args.readout is None else ReadoutMode(args.readout),
        beta=args.beta,
        readout_beta=args.readout_beta,
        v_th=args.v_th,
        decay_input=args.decay_input,
    )
    with tqdm(desc="widths", unit="try", disable=args.spike_loss is None) as bar:
        imported = import_network(
            args.file,
            args.out,
            asked,
            widths=Widths(args.weight_bits, args.membrane_bits, args.share_bits),
            calibrate=args.calibrate,
            limit=args.spike_loss,
            input_bits=args.input_bits,
            name=args.name,
            command=shlex.join(["python", *sys.argv]),
            progress=bar.update,
        )
    if args.report:
        write_json(args.report, imported.report())
    if args.report == "-":
        return 0
    spec = imported.artifact.network.spec
    neurons = "-".join(str(size) for size in (spec.n_in, *(stage.n_out for stage in spec.stages)))
    print(f"{args.out}: {neurons}, {spec.readout.mode} readout")
    if imported.losses is not None:
        print("\n".join(imported.losses.lines()))
    return 0
