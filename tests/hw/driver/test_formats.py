"""The registers in the formats of others, read back by others: registers, fields and access of the tables."""

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from cmsis_svd import SVDParser
from devicetree import dtlib
from lxml import etree
from systemrdl import RDLCompiler
from systemrdl.node import FieldNode, RegNode
from systemrdl.rdltypes import OnReadType, OnWriteType

from hw import ear_registers, mailbox_registers
from hw.driver.description import BASES, blocks_of
from hw.driver.header import c_string
from hw.registers import Access, Register, hash_words
from tests.hw.driver.conftest import Case

BLOCKS = {
    "case": ("core", "mailbox"),
    "hearing": ("core", "ear", "mailbox"),
    "stepping": ("core", "ear", "mailbox"),
}


@pytest.fixture(params=BLOCKS)
def built(request: pytest.FixtureRequest) -> Case:
    case = request.getfixturevalue(request.param)
    assert tuple(blocks_of(case.own, case.config, case.ear)) == BLOCKS[request.param]
    return case


def registers_of(case: Case) -> dict[tuple[str, str], tuple[int, Register]]:
    """Address and register by the names of block and register."""
    return {
        (block, register.name): (BASES[block] + register.offset, register)
        for block, own in blocks_of(case.own, case.config, case.ear).items()
        for register in own
    }


def test_the_blocks_are_those_of_the_tables(case: Case, hearing: Case) -> None:
    assert blocks_of(hearing.own, hearing.config, True)["ear"] == ear_registers.ALL
    assert blocks_of(case.own, case.config, False)["mailbox"] == mailbox_registers.ALL
    assert {"RELOAD_DATA"} == {n for _, n in registers_of(case) if n == "RELOAD_DATA"}
    assert not any(name.startswith("RELOAD") for _, name in registers_of(hearing))


def test_svd_follows_the_schema_of_arm(built: Case) -> None:
    schema = etree.XMLSchema(etree.parse(str(files("cmsis_svd") / "schemas/CMSIS-SVD_1_3_11.xsd")))
    document = etree.parse(str(built.driver / "spikeline.svd"))
    schema.assertValid(document)
    next(document.iter("access")).text = "read"
    assert not schema.validate(document)


def test_svd_has_every_register(built: Case) -> None:
    device = SVDParser.for_xml_file(str(built.driver / "spikeline.svd")).get_device()
    found = {
        (peripheral.name.lower(), register.name): (
            peripheral.base_address + register.address_offset,
            register,
        )
        for peripheral in device.peripherals
        for register in peripheral.registers
    }
    wanted = registers_of(built)
    assert found.keys() == wanted.keys()
    kinds = {"read-only": {Access.RO}, "read-write": {Access.RW, Access.W1C}, "write-only": {Access.WO}}
    for key, (address, own) in wanted.items():
        at, register = found[key]
        assert (at, register.description) == (address, own.meaning)
        assert own.access in kinds[register.access.value]
        fields = [(f.name, f.bit_offset, f.bit_width, f.description) for f in register.fields or ()]
        assert fields == [(f.name, f.low, f.width, f.meaning) for f in own.fields]
        clears = own.access is Access.W1C
        assert (register.modified_write_values.value if clears else "oneToClear") == "oneToClear"
        assert (register.read_action is not None) == (own.name == "ANSWER")


def test_systemrdl_has_every_register(built: Case) -> None:
    compiler = RDLCompiler()
    compiler.compile_file(str(built.driver / "spikeline.rdl"))
    nodes = [node for node in compiler.elaborate().descendants() if isinstance(node, RegNode)]
    found = {(node.parent.inst_name, node.inst_name): node for node in nodes}
    wanted = registers_of(built)
    assert found.keys() == wanted.keys()
    for key, (address, own) in wanted.items():
        node = found[key]
        assert (node.absolute_address, node.get_property("desc")) == (address, own.meaning)
        fields = [child for child in node.children() if isinstance(child, FieldNode)]
        expected = [(f.name, f.low, f.width) for f in sorted(own.fields, key=lambda f: f.low)] or [
            ("VALUE", 0, 32)
        ]
        assert [(f.inst_name, f.lsb, f.width) for f in fields] == expected
        for f in fields:
            assert f.is_sw_readable == (own.access is not Access.WO)
            assert f.is_sw_writable == (own.access is not Access.RO)
            clears = f.get_property("onwrite") is OnWriteType.woclr
            assert clears == (own.access is Access.W1C)
            assert (f.get_property("onread") is OnReadType.ruser) == (own.name == "ANSWER")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc not found: apt-get install gcc")
def test_the_header_has_every_register(built: Case) -> None:
    command = ["gcc", "-E", "-dM", "-P", str(built.driver / "spikeline.h")]
    text = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
    found = dict(re.findall(r"^#define SPIKELINE_(\w+) (.*)$", text, re.MULTILINE))
    numbers = {name: int(value[:-1], 0) for name, value in found.items() if value.endswith("u")}
    wanted = {}
    for (block, name), (address, register) in registers_of(built).items():
        wanted[f"{block.upper()}_{name}"] = address
        for field in register.fields:
            wanted[f"{block.upper()}_{name}_{field.name}_MASK"] = field.mask
            wanted[f"{block.upper()}_{name}_{field.name}_SHIFT"] = field.low
    assert wanted.items() <= numbers.items()
    layer = built.own.network.spec.layers[0]
    sizes = {"N_IN": layer.n_in, "MAX_COUNT": layer.max_input, "N_OUT": built.own.network.spec.n_out}
    assert sizes.items() <= numbers.items()
    hashed = [int(word, 16) for word in re.findall(r"0x[0-9a-f]{8}", found["ARTIFACT_HASH"])]
    assert hashed == list(hash_words(built.own.sha256))
    assert found["CLASSES"] == "{" + ", ".join(f'"{label}"' for label in built.own.labels) + "}"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc not found: apt-get install gcc")
def test_any_class_name_is_a_string_of_c(tmp_path: Path) -> None:
    names = ["plain", 'quo"ted', "back\\slash", "what??/", "größer", "日本", "*/ // %s", "tab\tend"]
    listed = ", ".join(map(c_string, names))
    program = f"#include <stdio.h>\nint main(void) {{ const char *n[] = {{{listed}}};\n"
    program += f"for (int i = 0; i < {len(names)}; i++) puts(n[i]);\n}}\n"
    assert program.isascii()
    (tmp_path / "names.c").write_text(program, encoding="utf-8")
    strict = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-trigraphs"]
    subprocess.run([*strict, "names.c", "-o", "names"], cwd=tmp_path, check=True)
    done = subprocess.run([str(tmp_path / "names")], check=True, capture_output=True)
    assert done.stdout.decode().splitlines() == names


def test_the_node_is_one_of_a_device_tree(built: Case, tmp_path: Path) -> None:
    root = "/dts-v1/;\n/ { #address-cells = <1>; #size-cells = <1>; };\n"
    whole = tmp_path / "whole.dts"
    whole.write_text(root + (built.driver / "spikeline.dtsi").read_text(encoding="utf-8"), encoding="utf-8")
    node = dtlib.DT(str(whole)).get_node("/spikeline@43c00000")
    assert node.props["reg"].to_nums() == [0x43C00000, 0x4000]
    assert node.props["compatible"].to_strings()[-1] == "generic-uio"
