"""Mutants of the RTL: what is changed, what becomes of it, and that a run goes on from earlier results."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from fxp_model.errors import InputError
from tb.harness import planted
from tb.harness.mutants import all_mutants, mutants_of
from tests.calls import call

pytest.importorskip("pyosys", reason="pyosys is not installed")

from scripts import mutate
from tb.formal.engine import lowered
from tb.formal.netlist import Circuit, alike, circuit

SOURCE = '''
LIMIT = 3

class Block:
    """1 + 1"""

    def elaborate(self, m, depth=2):
        with m.If(self.a & ~self.b):
            m.d.sync += self.c.eq(Mux(self.a, 4, self.b))
        if depth < 0:
            raise ValueError(5)
'''


def test_only_code_that_builds_hardware_is_changed():
    changes = {mutant.change for mutant in mutants_of("block.py", SOURCE)}
    assert changes == {
        *(
            "m.If(self.a & ~self.b) -> m.If(~(self.a & ~self.b).bool())",
            "self.a & ~self.b -> self.a | ~self.b",
        ),
        *("self.a & ~self.b -> self.a", "self.a & ~self.b -> ~self.b", "~self.b -> self.b"),
        *("4 -> 5", "4 -> 3", "depth < 0 -> depth <= 0", "0 -> 1"),
        "Mux(self.a, 4, self.b) -> Mux(self.a, self.b, 4)",
        "self.c.eq(Mux(self.a, 4, self.b)) -> []",
    }


def test_a_mutant_is_one_change_of_a_file_that_still_compiles():
    rtl = planted.PROJECT / "hw" / "rtl"
    mutants = all_mutants(rtl)
    assert len(mutants) > 2000
    for mutant in mutants[::50]:
        source = (rtl / mutant.file).read_text(encoding="utf-8")
        compile(mutant.applied(source), mutant.file, "exec")
        assert mutant.applied(source) != source


def test_the_order_of_mutants_is_of_the_seed_and_outlives_a_changed_line():
    mutants = all_mutants(planted.PROJECT / "hw" / "rtl")
    first = mutate.in_order(mutants, 0)
    assert first == mutate.in_order(mutants, 0) != mutate.in_order(mutants, 1)
    assert sorted(first, key=mutants.index) == mutants
    assert len({mutant.file for mutant in first[:100]}) > 10
    others = [mutant for mutant in mutants if mutant.file != "control.py"]
    assert mutate.in_order(others, 0) == [mutant for mutant in first if mutant.file != "control.py"]


def chosen(change: str, file: str = ""):
    mutants = all_mutants(planted.PROJECT / "hw" / "rtl")
    return next(own for own in mutants if own.change == change and own.file.startswith(file))


@pytest.mark.slow
def test_what_a_bench_notices_is_killed_and_what_changes_no_verilog_is_the_same():
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    originals = mutate._originals()
    row = mutate._judged(chosen("~spare_valid -> spare_valid"), originals)
    assert (row["result"], row["by"]) == ("killed", "bench network of network")
    assert mutate._judged(chosen("shift <= 0 -> shift < 0"), originals)["result"] == "same"
    # membranes of the readout saturate in the last of the cores alone: the others need not be run
    last = {"strides": originals["strides"]}
    quiet = mutate._judged(chosen("self.taps.saturated.eq(update.saturated) -> []", "readout"), last)
    assert (quiet["result"], quiet["by"]) == ("killed", "bench answers of strides")


def test_what_no_bench_is_asked_about_a_proof_may_notice(tmp_path):
    mutant = chosen("~spare_valid -> spare_valid")
    mutate._plant(tmp_path, mutant)
    assert mutate._failing_proof(mutant, tmp_path) == "proof skid_buffer"


def in_surroundings(file, change, tmp_path):
    mutant = chosen(change, file)
    mutate._plant(tmp_path, mutant)
    return mutate._same_in_surroundings(mutant, tmp_path)


def test_a_component_is_compared_in_the_surroundings_that_its_proof_assumes(tmp_path, monkeypatch):
    """Two scanners are valid at the same time; a score that waits is compared again, with the same result."""
    names = ("event_encoder_pairs", "last_scores")
    monkeypatch.setattr(mutate, "PROPERTIES", {name: mutate.PROPERTIES[name] for name in names})
    for index, (file, change, shown) in enumerate(
        (
            ("event_encoder", "first.o.valid & second.o.valid -> first.o.valid", ["event_encoder_pairs"]),
            ("event_encoder", "out.ready & both -> both", []),
            ("score_unit", "sending & out.ready -> sending | out.ready", ["last_scores"]),
            ("score_unit", "moves.eq(sending & out.ready) -> []", []),
            ("axi_lite", "addressed & filled & ~bus.bvalid -> addressed & filled", []),
        )
    ):
        assert in_surroundings(file, change, tmp_path / str(index)) == shown, change


CORE = """\
module \\core.inner (clk, a, b, y);
  input clk, a, b;
  output reg y = 0;
  always @(posedge clk) y <= %s;
endmodule
module core(clk, a, b, y);
  input clk, a, b;
  output y;
  \\core.inner it(.clk(clk), .a(a), .b(%s), .y(y));
endmodule
"""


@pytest.mark.parametrize(
    ("inner", "b", "same"),
    [("~(~a & ~b)", "b", True), ("a ^ b", "b", False), ("a | b", "b & ~a", True), ("a | b", "~b", False)],
)
def test_cores_of_several_modules_are_compared(inner, b, same, tmp_path):
    """A changed module alone, or all of them: a | b is a | (b & ~a)."""
    assert mutate._is_equivalent(CORE % ("a | b", "b"), CORE % (inner, b), tmp_path) == same


DEEP = """\
module \\core.a.b (clk, x, y);
  input clk;
  input [%d:0] x;
  output y;
  assign y = x[0]%s;
endmodule
module \\core.a (clk, x, y);
  input clk, x;
  output y;
  \\core.a.b it(.clk(clk), .x({%d'b0, x}), .y(y));
endmodule
module core(clk, x, y);
  input clk, x;
  output y;
  \\core.a it(.clk(clk), .x(x), .y(y));
endmodule
"""


def test_the_smallest_parts_with_the_same_ports_are_compared(tmp_path):
    plain = DEEP % (1, "", 1)
    assert mutate.changed_parts(plain, plain) == []
    assert mutate.changed_parts(plain, DEEP % (1, " | x[1]", 1)) == ["core.a.b"]
    assert mutate.changed_parts(plain, DEEP % (2, "", 2)) == ["core.a"]
    assert mutate.changed_parts(plain, plain.replace("output y", "output y, z")) == ["core"]
    assert mutate._is_equivalent(plain, DEEP % (1, " | x[1]", 1), tmp_path), "in the module around it"
    assert not mutate._is_equivalent(plain, DEEP % (1, " | ~x[1]", 1), tmp_path)


WIDE = """\
module core(clk, a, b, y);
  input clk, a, b;
  output y;
  reg [%d:0] count = 0;
  reg %s = 0;
  always @(posedge clk) begin count <= count + a; %s <= %s; end
  assign y = count[2] & %s;
endmodule
"""


@pytest.mark.parametrize(
    ("top", "name", "now", "same"),
    [
        (3, "held", "a ^ b", True),
        (2, "kept", "b ^ a", True),
        (5, "kept", "a ^ b", True),
        (2, "held", "a ^ ~b", False),
        (2, "held", "a | b", False),
        (1, "held", "a ^ b", False),
    ],
)
def test_a_core_is_the_same_with_bits_that_nothing_reads_and_other_names(top, name, now, same, tmp_path):
    """The third bit of a count is read, those above are not."""
    whole = [
        lowered(WIDE % (own, signal, signal, value, signal), "core", tmp_path)
        for own, signal, value in ((2, "held", "a ^ b"), (top, name, now))
    ]
    assert alike(*whole) == same
    assert alike(*reversed(whole)) == same


def test_cores_of_other_outputs_or_another_start_are_not_the_same(tmp_path):
    text = WIDE % (2, "held", "held", "a ^ b", "held")
    one, named, started = (
        lowered(own, "core", tmp_path)
        for own in (text, text.replace(" y", " z"), text.replace("held = 0", "held = 1"))
    )
    assert alike(one, one)
    assert not alike(one, named)
    assert not alike(one, started)
    nothing = replace(one, outputs={})
    with pytest.raises(RuntimeError, match=r"^a circuit must have at least 1 output, not 0$"):
        alike(nothing, nothing)


def test_what_registers_without_a_start_begin_with_is_paired_one_to_one():
    one, renamed = (
        Circuit(("a", f"init:x.${first}[0]", f"init:x.${first + 1}[0]"), (), {"y": 4, "z": 6}, ())
        for first in (1, 9)
    )
    assert alike(one, renamed)
    twice = replace(one, outputs={"y": 4, "z": 4})
    assert not alike(one, twice)
    assert not alike(twice, one)
    assert not alike(one, replace(one, outputs={"y": 4, "z": 2}))
    assert not alike(one, replace(one, inputs=("a", "x.$1[0]", "init:x.$2[0]")))


def test_a_latch_that_is_not_0_at_the_start_is_refused():
    text = b"aig 1 0 1 1 0\n%s\n2\no0 y\n"
    assert circuit(text % b"3").latches == circuit(text % b"3 0").latches == (3,)
    with pytest.raises(RuntimeError, match=r"^a latch must be 0 at the start$"):
        circuit(text % b"3 1")


ENDLESS = """
import resource, sys
from functools import partial
from pathlib import Path

from scripts import mutate
from tb.harness.runner import Design, Workspace

folder = Path(sys.argv[1])
mutate.BENCH_SECONDS = 5
design = Design("block", "module block(input a, output y); always @(a) while (1); endmodule")
workspace = Workspace(folder / "builds", folder / "runs", brief=True)
run = partial(workspace.simulate, design, "icarus", "tb.benches.selftest", {"a": 1}, "a", ["passes"])
before = resource.getrlimit(resource.RLIMIT_CPU)
with mutate.limited_children() as limit:
    limit()
    assert mutate._fails(run)
assert resource.getrlimit(resource.RLIMIT_CPU) == before
assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > 4
"""


@pytest.mark.slow
def test_a_bench_that_does_not_end_fails(tmp_path):
    """Its simulation is ended by the limit, while the process that began it, a new one, goes on."""
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
    command = [sys.executable, "-c", ENDLESS, str(tmp_path)]
    done = subprocess.run(
        command, cwd=planted.PROJECT, capture_output=True, text=True, encoding="utf-8", timeout=200
    )
    assert done.returncode == 0, done.stderr


def test_results_that_are_known_are_not_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(mutate, "_originals", dict)
    made = []

    def judged(mutant, originals):
        made.append(mutant)
        result = "killed" if int(mutate._key(mutant), 16) % 2 else "same"
        own = {"key": mutate._key(mutant), "file": mutant.file, "line": mutant.line, "change": mutant.change}
        return own | {"by": "", "result": result}

    monkeypatch.setattr(mutate, "_judged", judged)
    kept = tmp_path / "kept" / "mutants.jsonl"
    scores = []
    for mutants in ("3", "3", "5"):
        done = call("mutate.py", "--mutants", mutants, "--kept", str(kept), "--jobs", "1", "--json", "-")
        assert done.returncode == 0, done.stderr
        scores.append(json.loads(done.stdout)["killed"])
    assert scores == [3, 3, 5]
    assert len({mutate._key(mutant) for mutant in made}) == len(made)
    assert len(kept.read_text(encoding="utf-8").splitlines()) == len(made) >= 5


def test_the_stored_table_is_whole_and_every_survivor_has_a_reason():
    stored = mutate.kept_rows(planted.PROJECT / "scripts" / "results" / "mutants.jsonl")
    rows = [row for row in stored.values() if row["result"] not in ("same", "invalid")]
    assert rows
    for row in rows:
        assert bool(row["by"]) or row["result"] != "killed", row
        assert bool(row.get("reason")) == (row["result"] == "survived"), row
        assert row["command"].startswith("python scripts/mutate.py --seed ")
        assert {"amaranth", "cocotb", "pyosys"} <= row["versions"].keys()
        assert row["date"]


def test_a_file_of_something_else_is_refused_and_kept(tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text('{"of": "mine"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"notes\.txt line 1"):
        mutate.kept_rows(notes)
    assert notes.read_text(encoding="utf-8") == '{"of": "mine"}\n'
