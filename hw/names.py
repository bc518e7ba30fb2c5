"""Names of cores and of HLS projects: not reserved in any language in which they are used.

A core is a Verilog module, which SystemVerilog and VHDL can instantiate; an HLS project is a C++ function,
which its tool compiles to Verilog and VHDL.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fxp_model.errors import InputError

MAX_LENGTH = 64
"""Of a name: names of files and blocks begin with it, and tools limit their length."""
_NETS = re.compile(
    r"aclk|aresetn|between|closed|dropped|held|host_rst|irq|part|pending|restarts|rst|soft_reset"
    r"|[ms]_axi[ls]?(_\w+)?"
)
"""Ports and nets in the top level of a core; Verilator makes it a class with these members."""
_FORM = re.compile("[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")


def _nothing(name: str) -> bool:
    return False


def check_name(thing: str, name: str, taken: Callable[[str], object] = _nothing) -> None:
    """Raise `InputError` unless `name` can be that of `thing`, and is not `taken` in it.

    VHDL allows a single _ between letters and digits, and C++ does not reserve it. Names in upper case are
    cells of FPGAs, such as ``FDRE`` and ``SB_LUT4``, and macros of C, such as ``EOF``.
    """
    if not isinstance(name, str) or not _FORM.fullmatch(name):
        raise InputError(
            f"name of {thing} must be letters and digits with single _ between, a letter first, not {name!r}"
        )
    if len(name) > MAX_LENGTH:
        raise InputError(f"name of {thing} must have at most {MAX_LENGTH} characters, not {len(name)}")
    if name == name.upper():
        raise InputError(
            f"name of {thing} must have a lower-case letter, as cells and macros have none, not {name!r}"
        )
    if name.lower() in WORDS:
        raise InputError(
            f"name of {thing} must not be a word of Verilog, SystemVerilog, VHDL or C++, and {name!r} is one"
        )
    if _NETS.fullmatch(name):
        raise InputError(f"name of {thing} must not be that of a port or a net in it, and {name!r} is")
    if taken(name):
        raise InputError(f"name of {thing} must not be one in its C++, and {name!r} is")


def free_name(name: str, taken: Callable[[str], object] = _nothing) -> str:
    """`name` where `check_name` allows it, else a name like it that is allowed."""
    own = "_".join(re.findall("[A-Za-z0-9]+", name))[:MAX_LENGTH].rstrip("_") or "0"
    try:
        check_name("it", own, taken)
    except InputError:
        return f"core_{own}"[:MAX_LENGTH].rstrip("_")
    return own


_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind
bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config
const constraint context continue cover covergroup coverpoint cross deassign default defparam design disable
dist do edge else end endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup
endinterface endmodule endpackage endprimitive endprogram endproperty endsequence endspecify endtable endtask
enum event eventually expect export extends extern final first_match for force foreach forever fork forkjoin
function generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import
incdir include initial inout input inside instance int integer interconnect interface intersect join join_any
join_none large let liblist library local localparam logic longint macromodule matches medium modport module
nand negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed
parameter pmos posedge primitive priority program property protected pull0 pull1 pulldown pullup
pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg
reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually s_nexttime
s_until s_until_with scalared sequence shortint shortreal showcancelled signed small soft solve specify
specparam static std string strong strong0 strong1 struct super supply0 supply1 sync_accept_on sync_reject_on
table tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior
trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void
wait wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""
"""Of Verilog-2005 and SystemVerilog-2017."""
_VHDL = """
abs access after alias all and architecture array assert assume attribute begin block body buffer bus case
component configuration constant context cover default disconnect downto else elsif end entity exit fairness
file for force function generate generic group guarded ieee if impure in inertial inout is label library
linkage literal loop map mod nand new next nor not null of on open or others out package parameter port
postponed procedure process property protected pure range record register reject release rem report restrict
return rol ror select sequence severity shared signal sla sll sra srl strong subtype then to transport type
unaffected units until use variable view vmode vpkg vprop vunit wait when while with work xnor xor bit
bit_vector boolean character delay_length file_open_kind file_open_status integer natural positive real
severity_level side_effect std std_logic std_logic_vector std_ulogic std_ulogic_vector string time
"""
"""Of VHDL-2008 and 2019, its libraries and the types of its package ``standard``."""
_CPP = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class
compl concept const const_cast contract_assert consteval constexpr constinit continue co_await co_return
co_yield decltype default delete do double dynamic_cast else enum explicit export extern false final float for
friend goto if inline int long module mutable namespace new noexcept not not_eq nullptr operator or or_eq
override private protected public register reinterpret_cast requires restrict return short signed sizeof
static static_assert static_cast struct switch template this thread_local throw true try typedef typeid
typename union unsigned using virtual void volatile wchar_t while xor xor_eq abort assert daylight environ
errno exit linux main offsetof setjmp stderr stdin stdout timezone unix
"""
"""Of C++20, and the macros and objects of its standard library outside of ``std``."""
WORDS = frozenset(f"{_VERILOG} {_VHDL} {_CPP}".split())
"""Reserved in one of the languages; VHDL is not case-sensitive."""
