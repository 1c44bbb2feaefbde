"""The steps that prove Tertulia: what each runs, how long it may take, and what has to be there first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ".venv/bin/"
PYTEST = (BIN + "python", "-m", "pytest", "-q", "--durations=5", "--tb=short", "-rfE")
# Compilers leave the machine to the tests that run beside them.
CARGO = ("nice", "-n", "10", "cargo")


@dataclass(frozen=True)
class Step:
    """One command, named.

    ``minutes`` is several times what it takes on two cores: past that it hangs. ``needs`` names the steps that have to
    succeed first. Two steps with the same ``lock`` do not run at the same time. A step with ``apart`` takes
    the machine for itself: none runs beside it. ``covered`` steps are Python whose coverage counts.
    """

    name: str
    argv: tuple[str, ...]
    minutes: float = 5
    needs: tuple[str, ...] = ()
    lock: str = ""
    apart: bool = False
    covered: bool = False

    @property
    def measured(self) -> tuple[str, ...]:
        """The command that also measures coverage, for a step of which it counts."""
        python, *arguments = self.argv
        return (python, "-m", "coverage", "run", *arguments) if self.covered else self.argv


PACKAGES = ("python packages",)
BUILT = ("python packages", "build")
SERVED = ("debian packages", "python packages", "build", "npm packages")


def _integration(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"tests/integration/{name}" for name in names)


INSTALL = (
    # Most of the build's time, which needs no package of Python. Named by the package that maturin builds, since what
    # others ask of a dependency makes it another one, which would be compiled again.
    Step("compile", ("cargo", "build", "--release", "--package", "sfu-py", "--locked", "-q"), 25),
    Step("debian packages", ("sh", "scripts/need.sh", "test"), 10, lock="apt"),
    Step("python packages", ("make", "-s", ".venv/tested"), 8),
    Step("build", ("make", "-s", ".venv/installed"), 20, needs=("compile", *PACKAGES)),
    Step("npm packages", ("make", "-s", "npm"), 8, lock="apt"),
)
CHECK = (
    Step("rustfmt", ("cargo", "fmt", "--all", "--check")),
    Step("ruff", (BIN + "ruff", "check", "--quiet", "."), needs=PACKAGES),
    Step("ruff format", (BIN + "ruff", "format", "--check", "--quiet", "."), needs=PACKAGES),
    Step("mypy", (BIN + "mypy",), needs=PACKAGES),
    Step("biome", ("node_modules/.bin/biome", "check", "--error-on-warnings", "."), needs=("npm packages",)),
    Step("tsc", ("node_modules/.bin/tsc", "--project", "."), needs=("npm packages",)),
    Step("dependencies", (BIN + "python", "scripts/dependencies.py"), needs=("python packages", "npm packages")),
    Step(
        "clippy",
        (*CARGO, "clippy", "--workspace", "--all-targets", "--locked", "-q", "--", "-D", "warnings"),
        25,
        lock="target/debug",
    ),
    Step("imports", (BIN + "lint-imports",), needs=BUILT),
    Step("stubs", (BIN + "stubtest", "--mypy-config-file", "pyproject.toml", "tertulia.sfu._sfu"), needs=BUILT),
)
# In parts, the longest first, several of which run at a time, because each waits for its servers most of the time.
RECORDINGS = ("recorder", "storage")
FILMS = tuple(f"tests/integration/recorder/{name}.py" for name in ("test_film", "test_film_corpus", "test_end_to_end"))
# For `make nightly`, as are LONG ones in browsers: recordings of many seconds each, commands that are started over and
# over, and requests made up from the OpenAPI document.
LONG_RECORDINGS = tuple(
    f"tests/integration/recorder/{name}.py"
    for name in ("test_commands", "test_several", "test_kill", "test_storage_faults")
)
LONG_REST = tuple(f"tests/integration/rest/{name}.py" for name in ("test_rest_commands", "test_rest_schema"))
SOCKETS = ("fleet", "sfu", "signalr")
REST = ("rest",)
HUB = ("clients", "hub")
OTHERS = tuple(f"--ignore={path}" for path in _integration((*RECORDINGS, *SOCKETS, *REST, *HUB)))
INTEGRATION = (
    Step(
        "integration recordings",
        (*PYTEST, *_integration(RECORDINGS), *(f"--ignore={path}" for path in (*FILMS, *LONG_RECORDINGS))),
        25,
        needs=SERVED,
        covered=True,
    ),
    Step("integration films", (*PYTEST, *FILMS), 25, needs=SERVED, covered=True),
    Step("integration sockets", (*PYTEST, *_integration(SOCKETS)), 25, needs=SERVED, covered=True),
    Step(
        "integration rest",
        (*PYTEST, *_integration(REST), *(f"--ignore={path}" for path in LONG_REST)),
        25,
        needs=SERVED,
        covered=True,
    ),
    Step("integration others", (*PYTEST, "tests/integration", *OTHERS), 25, needs=SERVED, covered=True),
    Step("integration hub", (*PYTEST, *_integration(HUB)), 25, needs=SERVED, covered=True),
)


def _browser(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/browser/test_{name}.py" for name in names)


# For `make nightly`: with these, continuous integration would take too long.
LONG = _browser(
    "accessibility",
    "check",
    "comfort",
    "control",
    "directions",
    "effects",
    "firefox_comfort",
    "firefox_control",
    "firefox_effects",
    "firefox_page",
    "firefox_surroundings",
    "keys",
    "languages",
    "layers",
    "links",
    "meetings",
    "outbox",
    "pictures",
    "recorded_files",
    "recording",
    "recordings",
    "sign_in",
    "views",
    "webrtcbin",
)
COUNTS = "instructions"
TEST = (
    Step("cargo test", (*CARGO, "test", "--workspace", "--locked", "-q"), 30, lock="target/debug"),
    Step("unit", (*PYTEST, "tests/unit"), 10, needs=BUILT, covered=True),
    Step("world", (BIN + "python", "-m", "tests.world"), 5, needs=BUILT, apart=True),
    Step("page unit", ("npm", "test", "--silent"), 3, needs=("npm packages",)),
    # Not a bench for which the machine has to be still: it counts.
    Step(COUNTS, (BIN + "python", "-m", f"bench.{COUNTS}"), 15, needs=("debian packages", *BUILT)),
    *INTEGRATION,
    Step("chaos", (*PYTEST, "tests/chaos"), 15, needs=SERVED, apart=True),
    # A call in a browser can take both cores.
    Step(
        "browser",
        (*PYTEST, "tests/browser", *(f"--ignore={path}" for path in LONG)),
        25,
        needs=SERVED,
        apart=True,
    ),
)
# Measuring takes the covered steps a third longer.
COVERAGE = Step(
    "coverage",
    ("sh", "-c", f"{BIN}coverage combine -q && {BIN}coverage report"),
    needs=("unit", *(step.name for step in INTEGRATION), "nightly recordings", "nightly rest"),
)
BENCH = tuple(
    Step(f"bench {name}", (BIN + "python", "-m", f"bench.{name}"), 30, needs=SERVED, apart=True)
    for name in sorted(path.parent.name for path in ROOT.glob("bench/*/__main__.py") if path.parent.name != COUNTS)
)
# Foreign stacks that need a toolchain of their own, or what takes long.
NIGHTLY = (
    Step("nightly", (*PYTEST, "tests/nightly"), 40, needs=SERVED),
    Step("nightly recordings", (*PYTEST, *LONG_RECORDINGS), 10, needs=SERVED, covered=True),
    Step("nightly rest", (*PYTEST, *LONG_REST), 10, needs=SERVED, covered=True),
    Step("nightly browser", (*PYTEST, *LONG), 40, needs=SERVED, apart=True),
    Step("nightly fuzz targets", (*CARGO, "check", "--manifest-path", "fuzz/Cargo.toml", "--locked", "-q"), 20),
    Step("nightly fuzz", ("env", "FUZZ_ROUNDS=3000", *PYTEST, "tests/unit/test_pumped.py"), 20, needs=BUILT),
    Step(
        "nightly examples",
        ("env", "HYPOTHESIS_PROFILE=others", *PYTEST, "-m", "hypothesis", "tests/unit"),
        10,
        needs=BUILT,
    ),
)
GROUPS = {
    "check": CHECK,
    "test": (*INSTALL, *CHECK, *TEST),
    "integration": INTEGRATION,
    "coverage": (COVERAGE,),
    "bench": BENCH,
    "nightly": NIGHTLY,
}
STEPS = {step.name: step for step in (*INSTALL, *CHECK, *TEST, COVERAGE, *NIGHTLY, *BENCH)}
