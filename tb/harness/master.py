"""A third-party host: cocotbext-axi."""

from __future__ import annotations

from typing import Any

from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from hw.registers import Register


class Master:
    """`tb.harness.drivers.Host` at ``s_axil``, which also checks the responses."""

    def __init__(self, dut: Any) -> None:
        self._master = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axil"), dut.aclk, dut.aresetn, reset_active_level=False
        )

    async def read(self, register: Register) -> int:
        answer = await self._master.read(register.offset, 4)
        assert answer.resp == AxiResp.OKAY, register
        return int.from_bytes(answer.data, "little")

    async def write(self, register: Register, word: int) -> None:
        answer = await self._master.write(register.offset, word.to_bytes(4, "little"))
        assert answer.resp == AxiResp.OKAY, register

    async def refuses_read(self, offset: int) -> bool:
        """Whether a read of the word at `offset` is answered with SLVERR."""
        return (await self._master.read(offset, 4)).resp == AxiResp.SLVERR

    async def refuses_write(self, offset: int) -> bool:
        """Whether a write to the word at `offset` is answered with SLVERR."""
        return (await self._master.write(offset, b"\xff" * 4)).resp == AxiResp.SLVERR
