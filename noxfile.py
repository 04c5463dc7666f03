"""Trials of what is shipped, each in an environment of its own that has nothing else.

`make packaging` runs all; `nox -s wheel`, `nox -s "extras(shell)"` and `nox -s tests-3.13` one.
Nothing is imported from this directory: tests run on the built wheel, from the unpacked sdist.
A Python that is not on this machine is skipped, unless it is asked for by name.
"""

import hashlib
import shutil
import tarfile
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["wheel", "extras", "examples", "typing", "types", "tests"]

ROOT = Path(__file__).parent
TRIALS = ROOT / "tests" / "packaging"
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.14t"]
PROJECT = nox.project.load_toml(str(ROOT / "pyproject.toml"))
EXTRAS = sorted(PROJECT["project"]["optional-dependencies"])
PACKAGES = {"mentra_actors", "projections"}
IN_SDIST = {*PACKAGES, "tests", "docs", "examples", "benchmarks", "noxfile.py", "Makefile"}
IN_SDIST |= {"README.md", "CHANGELOG.md", "LICENSE", "PKG-INFO", "pyproject.toml", "uv.lock"}
QUICK = ["tests/golden", "tests/unit/domain", "tests/unit/store", "tests/unit/test_examples.py"]
QUICK += ["tests/architecture/test_readme.py", "tests/architecture/test_import_cost.py"]


@nox.session
def wheel(session: nox.Session) -> None:
    """The wheel and the sdist are the same bytes each time, hold what they should, and work."""
    built = _built(session)
    again = _own_place(session) / "again"
    session.chdir(_unpacked(session, built))
    _build(session, again)
    for one in sorted(built.iterdir()):
        if _digest(one) != _digest(again / one.name):
            session.error(f"{one.name} has other bytes when it is built from the sdist")
    _check_contents(session, built)
    _test(session, built)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The quick tests on the wheel; `nox -s tests-3.12 -- PATHS` others, or all: `-- tests`."""
    _test(session, _built(session))


@nox.session
@nox.parametrize("extra", ["", *EXTRAS], ids=["none", *EXTRAS])
def extras(session: nox.Session, extra: str) -> None:
    """The core without any extra, and each extra alone: what it is for works."""
    session.install(_requirement(_built(session), extra))
    trial = f"with_{extra.replace('-', '_')}.py" if extra else "without_extras.py"
    place = _own_place(session)
    shutil.copy(TRIALS / trial, place)
    session.chdir(place)
    session.run("python", "-W", "error::DeprecationWarning:mentra_actors", trial)


@nox.session
def examples(session: nox.Session) -> None:
    """Each example with the core alone, and how long it takes."""
    session.install(_requirement(_built(session)))
    place = _own_place(session) / "examples"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT / "examples", place)
    session.chdir(place)
    session.run("python", str(TRIALS / "run_examples.py"), ".")


@nox.session
def types(session: nox.Session) -> None:
    """What pyright, in basic mode, sees in the packages themselves. Takes two minutes of CPU."""
    session.install(f"mentra-actors[{','.join(EXTRAS)}] @ {ROOT.as_uri()}", "pyright[nodejs]")
    session.install("hypothesis", "pytest", "types-PyYAML")
    session.run("pyright", "--project", str(ROOT))


@nox.session
def typing(session: nox.Session) -> None:
    """What mypy and pyright, both strict, see of the wheel in a program of a user."""
    session.install(_requirement(_built(session)), "mypy", "pyright[nodejs]")
    programs = _own_place(session) / "programs"
    shutil.rmtree(programs, ignore_errors=True)
    shutil.copytree(ROOT / "tests" / "typing", programs)
    session.chdir(programs)
    session.run("mypy", "--strict", "--warn-unreachable", ".")
    session.run("pyright", "--project", "pyrightconfig.json")


def _test(session: nox.Session, built: Path) -> None:
    groups = nox.project.dependency_groups(PROJECT, "tests")
    session.install(_requirement(built), *groups)
    session.chdir(_unpacked(session, built))
    for package in PACKAGES:
        shutil.rmtree(package)  # else the tests would find these, and not the installed ones
    quick = session.posargs or QUICK  # by `-m`, for the processes that tests spawn must find tests
    patient = ["-q", "--timeout", "300"]  # several of these may run beside each other
    session.run("python", "-m", "pytest", *patient, *quick, env={"PYTHONPATH": ""})


def _requirement(built: Path, extra: str = "") -> str:
    (file,) = built.glob("*.whl")
    return f"mentra-actors{f'[{extra}]' if extra else ''} @ {file.as_uri()}"


def _own_place(session: nox.Session) -> Path:
    return ROOT / session.create_tmp()


def _built(session: nox.Session) -> Path:
    """The directory of the wheel and the sdist, which are built once for all sessions."""
    place = ROOT / ".nox" / "dist"
    if place not in _BUILT:
        session.chdir(ROOT)
        _build(session, place)
        _BUILT.add(place)
    return place


_BUILT: set[Path] = set()


def _build(session: nox.Session, place: Path) -> None:
    """Build the sdist from the current directory, and the wheel from the sdist."""
    shutil.rmtree(place, ignore_errors=True)
    session.install("build")
    session.run("python", "-m", "build", "--outdir", str(place), silent=True)


def _unpacked(session: nox.Session, built: Path) -> Path:
    (file,) = built.glob("*.tar.gz")
    place = _own_place(session) / "sdist"
    session.chdir(ROOT)  # not in what is removed here
    shutil.rmtree(place, ignore_errors=True)
    with tarfile.open(file) as archive:
        archive.extractall(place, filter="data")
    (top,) = place.iterdir()
    return top


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _check_contents(session: nox.Session, built: Path) -> None:
    (file,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(file).namelist())
    tops = {name.split("/")[0] for name in names}
    if {top for top in tops if not top.endswith(".dist-info")} != PACKAGES:
        session.error(f"the wheel has {sorted(tops)}")
    for package in PACKAGES:
        shipped = {name for name in names if name.startswith(f"{package}/")}
        ours = {str(path.relative_to(ROOT)) for path in _sources(package)}
        if shipped != ours:
            session.error(f"in the wheel or in the tree only: {sorted(shipped ^ ours)}")
    missing = IN_SDIST - {path.name for path in _unpacked(session, built).iterdir()}
    if missing:
        session.error(f"not in the sdist: {sorted(missing)}")


def _sources(package: str) -> list[Path]:
    found = (ROOT / package).rglob("*")
    return [path for path in found if path.suffix == ".py" or path.name == "py.typed"]
