"""The public interface: its names, their signatures, and the cost of importing it.

A change must be deliberate: ``python -m tests.project.test_public_names`` regenerates the list.
"""

import enum
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("fxp_model", "hw")
LIST = Path(__file__).with_name("public_names.txt")
HEAVY = ("numpy", "torch", "numba", "amaranth", "matplotlib", "scipy", "h5py")


def lines() -> Iterator[str]:
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            for line in told(f"{package}.{name}", getattr(module, name)):
                yield re.sub(" at 0x[0-9a-f]+", "", line)


def told(name: str, value: object) -> Iterator[str]:
    """Signature of a function; of a class also those of its public methods, its properties and choices."""
    if inspect.isclass(value) and issubclass(value, enum.Enum):
        yield f"{name}: {', '.join(member.name for member in value)}"
    elif inspect.isclass(value) and issubclass(value, Exception):
        yield f"{name}({', '.join(base.__name__ for base in value.__bases__)})"
    elif inspect.isclass(value):
        yield f"{name}{inspect.signature(value)}"
        for key, member in sorted(vars(value).items()):
            if not key.startswith("_") and (callable(member) or isinstance(member, (classmethod, property))):
                found = getattr(value, key)
                yield f"{name}.{key}{'' if isinstance(found, property) else inspect.signature(found)}"
    elif callable(value):
        yield f"{name}{inspect.signature(value)}"
    else:
        yield f"{name}: {type(value).__name__}"


def test_names_and_signatures_are_those_of_the_list() -> None:
    pytest.importorskip("numba")
    assert list(lines()) == LIST.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_is_there_and_has_a_docstring_and_no_other_is(package: str) -> None:
    module = importlib.import_module(package)
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert name in (module.__doc__ or ""), f"{name} is not on the map"
        if callable(getattr(module, name)):
            assert inspect.getdoc(getattr(module, name))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = module.nonsense


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_loads_nothing_that_is_heavy(package: str) -> None:
    code = f"import sys, {package}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == "\n"


if __name__ == "__main__":
    LIST.write_text("\n".join(lines()) + "\n", encoding="utf-8")
