"""A disk that becomes full at any time: one line that names the file, and nothing half-written."""

import os
import resource
import subprocess
from functools import partial

import pytest

from tests.tool import ended, start

LIMIT = 60_000


def small_files():
    """No file may grow beyond the limit, as if the disk were full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))


start_full = partial(start, prepare=small_files)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")


WRITERS = {
    "a text": 'from fxp_model.files import write_text; write_text(path, "x" * 99_999)',
    "an array": "import numpy; numpy.save(path.open('wb'), numpy.zeros(99_999))",
    "an archive": "import numpy; numpy.savez(path.open('wb'), a=numpy.zeros(99_999))",
    "a figure": (
        "from matplotlib.figure import Figure; drawing = Figure(); "
        "drawing.add_subplot().plot(range(9999), [i % 7 for i in range(9999)]); "
        "drawing.savefig(path, format='svg')"
    ),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_is_whole_or_absent(tmp_path, kind):
    body = f"from fxp_model.files import replacing\nwith replacing('out') as path:\n    {WRITERS[kind]}"
    status, err = ended(start_full(tmp_path, body))
    assert status == 2
    assert err.startswith("tool.py: ")
    assert len(err.splitlines()) == 1, err
    assert names(tmp_path) == ["tool.py"]


def test_a_folder_is_whole_or_absent(tmp_path):
    body = """
        from fxp_model.folders import FolderKind
        with FolderKind("build", "m.json", "x").writing("build") as folder:
            (folder / "a").write_bytes(bytes(10))
            (folder / "b").write_bytes(bytes(99_999))
    """
    assert ended(start_full(tmp_path, body)) == (2, "tool.py: File too large\n")
    assert names(tmp_path) == ["tool.py"]


def test_a_database_that_cannot_grow_is_one_line(tmp_path):
    """If a worker hits it, there is one line for all of them."""
    body = """
        from pathlib import Path
        from fxp_model.qat.tasks import Task, TaskList, store_in, using
        store = store_in(Path("."), "tasks.db")
        with using(store):
            todo = TaskList(store)
            for seed in range(10**6):
                todo.add(Task("a", seed), {"long": "x" * 1000})
    """
    status, err = ended(start_full(tmp_path, body))
    assert status == 2
    assert err.startswith(f"tool.py: store sqlite:///{tmp_path}/tasks.db: (sqlite3.OperationalError) ")
    assert len(err.splitlines()) == 1, err


def test_a_program_that_has_no_room_is_one_line(tmp_path):
    body = """
        import subprocess
        subprocess.run(["sh", "-c", "exit 3"], check=True)
    """
    assert ended(start(tmp_path, body)) == (2, "tool.py: sh ended with status 3\n")


def test_a_closed_stderr_gets_nothing_into_a_file(tmp_path):
    """No file gets its descriptor or its text: a progress bar and a message are discarded."""
    body = """
        from pathlib import Path
        from tqdm import tqdm
        with Path("result").open("w") as file:
            for _ in tqdm(range(3)):
                print("note", file=sys.stderr)
            os.write(2, b"note of a library in C")
            file.write("result")
        print("done")
    """
    process = start(tmp_path, body, stderr=None, stdout=subprocess.PIPE, prepare=partial(os.close, 2))
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "done\n")
    assert (tmp_path / "result").read_text(encoding="utf-8") == "result"
