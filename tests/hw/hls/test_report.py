"""Reports in the layout of Vitis and Vivado HLS."""

import pytest

from fxp_model.errors import InputError
from hw.hls.report import read_report, render

XML = """<?xml version="1.0"?>
<profile>
<UserAssignments><unit>ns</unit><TargetClockPeriod>5.00</TargetClockPeriod></UserAssignments>
<PerformanceEstimates>
<SummaryOfTimingAnalysis><unit>ns</unit><EstimatedClockPeriod>3.650</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency><unit>clock cycles</unit>
<Best-caseLatency>51400</Best-caseLatency><Worst-caseLatency>undef</Worst-caseLatency>
<Interval-min>51401</Interval-min><Interval-max>51500</Interval-max>
</SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates>
<Resources><BRAM_18K>64</BRAM_18K><DSP>256</DSP><FF>20000</FF><LUT>30000</LUT><URAM>0</URAM></Resources>
<AvailableResources>
<BRAM_18K>5376</BRAM_18K><DSP>12288</DSP><FF>3456000</FF><LUT>1728000</LUT><URAM>1280</URAM>
</AvailableResources>
</AreaEstimates>
</profile>
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    place = folder / "core_prj" / "solution1" / "syn" / "report"
    place.mkdir(parents=True)
    (folder / "project.tcl").write_text('variable project_name\nset project_name "core"\n', encoding="utf-8")
    (place / "core_csynth.xml").write_text(XML, encoding="utf-8")
    return folder


def test_the_figures_of_a_synthesis_are_read(project):
    assert read_report(project) == {
        "top": "core",
        "clock_target_ns": 5.0,
        "clock_estimate_ns": 3.65,
        "latency_min_cycles": 51400,
        "latency_max_cycles": None,
        "interval_min_cycles": 51401,
        "interval_max_cycles": 51500,
        "used": {"LUT": 30000, "FF": 20000, "BRAM_18K": 64, "DSP": 256, "URAM": 0},
        "available": {"LUT": 1728000, "FF": 3456000, "BRAM_18K": 5376, "DSP": 12288, "URAM": 1280},
    }


def test_vivado_says_dsp48e_and_has_no_uram(project):
    file = next(project.rglob("*.xml"))
    text = XML.replace("DSP>", "DSP48E>").replace("<URAM>0</URAM>", "").replace("<URAM>1280</URAM>", "")
    file.write_text(text, encoding="utf-8")
    report = read_report(project)
    assert (report["used"]["DSP"], report["used"]["URAM"]) == (256, None)


def test_the_figures_are_a_page_of_text(project):
    page = render(read_report(project))
    assert "clock estimate ns     3.65" in page
    assert "latency max cycles    ?" in page
    assert "LUT                   30,000 of 1,728,000" in page


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "project.tcl").unlink(), r".*project\.tcl must name the project: .*"),
        (
            lambda folder: (folder / "project.tcl").write_text(
                f'set project_name "{"x" * 300}"\n', encoding="utf-8"
            ),
            r".*project\.tcl must name the project: .*",
        ),
        (
            lambda folder: next(folder.rglob("*.xml")).unlink(),
            r".* has no core_csynth\.xml: run its synthesis.*",
        ),
        (
            lambda folder: next(folder.rglob("*.xml")).write_text("<profile>", encoding="utf-8"),
            r".*core_csynth\.xml: not XML: .*",
        ),
        (
            lambda folder: next(folder.rglob("*.xml")).write_text(
                XML.replace("Interval-min", "x"), encoding="utf-8"
            ),
            r".*core_csynth\.xml: PerformanceEstimates/SummaryOfOverallLatency/Interval-min is missing",
        ),
        (
            lambda folder: next(folder.rglob("*.xml")).write_text(
                XML.replace("AvailableResources", "x"), encoding="utf-8"
            ),
            r".*core_csynth\.xml: AreaEstimates/AvailableResources is missing",
        ),
    ],
)
def test_what_is_no_report_is_refused(project, damage, message):
    damage(project)
    with pytest.raises(InputError, match=f"^{message}$"):
        read_report(project)
