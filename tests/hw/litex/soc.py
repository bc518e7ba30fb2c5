"""A system of LiteX: VexRiscv, a UART that is a stream of bytes, and the network of a build.

    python soc.py BUILD PROGRAM.c OUT [dma]

writes into OUT: its Verilog, with the program in ROM, and ``sources.txt``, the other files that it needs.
The network has its mailbox; with `dma` it has a DMA, too, beside a data cache.
"""

import json
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

import litex.soc
from litex.build.generic_platform import Pins, Subsignal
from litex.build.io import CRG
from litex.build.sim import SimPlatform
from litex.soc.integration.builder import Builder
from litex.soc.integration.common import get_mem_data
from litex.soc.integration.soc_core import SoCCore
from migen import Record

CROSS = "riscv64-unknown-elf-"
LITEX = Path(litex.soc.__path__[0])
IO = [
    ("sys_clk", 0, Pins(1)),
    (
        "serial",
        0,
        *(
            Subsignal(f"{side}_{name}", Pins(8 if name == "data" else 1))
            for side in ("source", "sink")
            for name in ("valid", "ready", "data")
        ),
    ),
]


class Platform(SimPlatform):
    """Only writes the Verilog; LiteX's own simulation needs libevent and json-c."""

    def build(self, soc: Any, build_dir: str, build_name: str, **_: Any) -> Any:
        fragment = soc.get_fragment()
        self.finalize(fragment)
        verilog = self.get_verilog(fragment, name=build_name)
        with chdir(build_dir):  # into which it writes the contents of memories, too
            verilog.write(f"{build_name}.v")
        return verilog.ns


class System(SoCCore):
    """The SoC; `program` is compiled for it when its headers are there."""

    def __init__(self, build: Path, program: Path, dma: bool) -> None:
        self._folders, self._program = (build / "driver", build / "litex"), program
        manifest = json.loads((build / "manifest.json").read_text(encoding="utf-8"))
        hears = "ear" in manifest
        platform = Platform("SIM", IO, name="system")
        super().__init__(
            platform,
            manifest["mailbox"]["clock_hz"],
            cpu_type="vexriscv",
            cpu_variant="standard" if dma else "lite",
            integrated_rom_size=0x10000,
            integrated_sram_size=0x10000,
            uart_name="sim",
        )
        self.crg = CRG(platform.request("sys_clk"))
        microphone = Record([(pin, 1) for pin in ("sck", "ws", "sd", "right")])
        add_spikeline(self, pads=microphone if hears else None, dma=dma)

    def init_mems(self, **_: Any) -> None:
        """LiteX calls it between headers and gateware."""
        headers, cpu = Path(self.builder.include_dir), LITEX / "cores/cpu/vexriscv"
        elf, image = headers / "program.elf", headers / "program.bin"
        flags = [*self.cpu.gcc_flags.split(), "-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror"]
        flags += ["-ffreestanding", "-nostdlib"]
        folders = (headers, cpu, LITEX / "software/include", *self._folders, self._program.parent)
        sources = [cpu / "crt0.S", self._folders[0] / "spikeline_driver.c", self._program]
        link = [
            f"-L{headers}",
            "-T",
            LITEX / "software/bios/linker.ld",
            "-Wl,--no-warn-rwx-segments",
            "-lgcc",
        ]
        own = [*(f"-I{folder}" for folder in folders), *sources, *link, "-o", elf]
        subprocess.run([f"{CROSS}gcc", *flags, *own], check=True)
        subprocess.run([f"{CROSS}objcopy", "-O", "binary", elf, image], check=True)
        self.init_rom("rom", get_mem_data(str(image), data_width=32, endianness="little"))


if __name__ == "__main__":
    build, program, out = (Path(argument).resolve() for argument in sys.argv[1:4])
    sys.path.append(str(build / "litex"))
    from spikeline_litex import add_spikeline

    system = System(build, program, sys.argv[4:] == ["dma"])
    Builder(system, output_dir=str(out), gateware_dir=str(out), compile_software=False).build(run=False)
    sources = (str(source[0]) for source in system.platform.sources)
    (out / "sources.txt").write_text("".join(f"{source}\n" for source in sources), encoding="utf-8")
