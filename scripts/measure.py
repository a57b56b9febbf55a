"""Measure the project: sizes, requests, reads of an image, and on demand minutes and mutation.

    python scripts/measure.py                              the table, in a few seconds
    python scripts/measure.py --tests                      and the minutes of README's pytest
    python scripts/measure.py --mutation                   and all mutation scores, in an hour or two
    python scripts/measure.py --mutation --subject merge   and one of them, in minutes
    python scripts/measure.py --mutation --sample 150      of 150 mutants of each subject

Mutation runs in a copy, ``build/mutation``; each subject is held against the tests of its own layer,
see `SUBJECTS`. How far it is stands in ``build/mutation/log``; the mutants that survived are left as
diffs in ``build/survivors``. Many tests write to the disk and wait for it: with ``TMPDIR`` on a
RAM disk it takes half the time.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import filecmp
import fnmatch
import gc
import importlib.util
import itertools
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "build" / "mutation"
SURVIVORS = ROOT / "build" / "survivors"
PACKAGE = "phoenix_nbtrain"

LAUNCH = ["tests/unit/launch"]
DATASET = ["tests/unit/dataset"]
SESSION = ["tests/unit/session"]

SUBJECTS = {
    "acceptance": (["launch/price.py:check_price", "launch/launcher.py:Launcher._check_*"], LAUNCH),
    "launch states": (["launch/launcher.py", "launch/reconcile.py"], LAUNCH),
    "trigger": (["launch/sending.py"], LAUNCH),
    "journal": (["store/journal.py"], ["tests/unit/store"]),
    "merge": (
        ["session/merge.py", "dataset/baselines.py", "dataset/left_out.py"],
        ["tests/unit/session/test_merge.py", *DATASET],
    ),
    "edits": (["dataset/edits.py", "dataset/apply.py"], DATASET),
    "money": (
        ["launch/price.py", "launch/identity.py", "clock.py"],
        [*LAUNCH, "tests/unit/test_clock.py"],
    ),
    "scrubber": (["client/secrecy.py"], ["tests/unit/client"]),
    "sync": (["session/sync.py"], SESSION),
}
"""What is mutated, files of the package or with a colon those functions of one; and its tests."""

SQL = re.compile(r"(XX)?(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|BEGIN|PRAGMA)\b", re.IGNORECASE)
"""How a text begins that is no sentence for people."""

CONFIGURATION = f"""
[tool.mutmut]
source_paths = ["{PACKAGE}"]
track_dependencies = false
"""

Row = tuple[str, str, str]


# -- sizes ----------------------------------------------------------------------------------------


def sizes() -> Iterator[Row]:
    """Yield files and lines of the sources and tests that are in the repository or about to be."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    said = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [Path(line) for line in said.splitlines() if (ROOT / line).is_file()]
    package = [path for path in files if path.parts[0] == PACKAGE]
    yield from _by_folder("Python", [path for path in package if path.suffix == ".py"])
    scripts = [path for path in package if path.suffix in {".js", ".ts", ".tsx"}]
    sources = [path for path in scripts if path.is_relative_to(f"{PACKAGE}/widgets/js")]
    yield from _by_folder("JavaScript", sources or scripts)  # without sources: not yet bundled
    tests = [path for path in files if path.parts[0] == "tests"]
    yield from _by_folder("tests", [path for path in tests if path.suffix in {".py", ".js", ".ts"}])


def _by_folder(title: str, paths: list[Path]) -> Iterator[Row]:
    lines = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in paths}
    for folder, inside in itertools.groupby(sorted(paths, key=_place), lambda path: path.parent):
        held = list(inside)
        yield (
            f"{title}: {folder}",
            f"{len(held)} files",
            f"{sum(lines[path] for path in held):,} lines",
        )
    yield f"{title}: total", f"{len(paths)} files", f"{sum(lines.values()):,} lines"


def _place(path: Path) -> tuple[str, str]:
    return str(path.parent), path.name


# -- requests, and reads of an image --------------------------------------------------------------


class Traffic:
    """Counts the requests to the local Phoenix and the times that a file is opened for reading."""

    def __init__(self) -> None:
        import httpx

        self.requests = Counter[str]()
        self.opened = Counter[str]()
        handle = httpx.WSGITransport.handle_request

        def counted(wire: httpx.WSGITransport, request: httpx.Request) -> httpx.Response:
            read = request.method == "GET" and re.search(r"/models/[^/]+$", request.url.path)
            self.requests["reads of the model" if read else "others"] += 1
            return handle(wire, request)

        httpx.WSGITransport.handle_request = counted  # type: ignore[assignment, method-assign]
        sys.addaudithook(self._hear)

    def _hear(self, event: str, details: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = details
            if isinstance(path, (str, bytes)) and not flags & (os.O_WRONLY | os.O_RDWR):
                self.opened[os.path.realpath(os.fsdecode(path))] += 1

    def since(self, what: str) -> Row:
        """Return the requests since this was last asked for."""
        reads, total = self.requests["reads of the model"], self.requests.total()
        self.requests.clear()
        return f"requests: {what}", f"{total}", f"{reads} of them reads of the model"


def first_kernel(home: str) -> list[Row]:
    """Open, add, price and start a training; nothing runs beside what is asked for."""
    os.environ["PHOENIX_NBTRAIN_HOME"] = home
    import phoenix_nbtrain as nbt
    from phoenix_nbtrain.images.drawings import draw_icons
    from phoenix_nbtrain.runner import InlineRunner

    nbt.connect("local")
    folder = draw_icons(Path(home, "icons"), count=4, size=64)
    image, *others = sorted(folder.glob("*.png"))
    traffic = Traffic()
    runner = InlineRunner()
    training = nbt.Training.open("measured", type="flux.2-dev-lora", runner=runner)
    rows = [
        ("names of nbt", f"{len(nbt.__all__)} exported", f"{len(_public(nbt))} in completion"),
        ("names of a Training", f"{len(_public(training))}", "in completion"),
        traffic.since("opening a new model"),
    ]
    training.add_images([image])
    training.sync()
    opened = Counter(traffic.opened)
    same = [p for p in Path(home).rglob("*") if p.is_file() and filecmp.cmp(p, image, False)]
    copies = [os.path.realpath(path) for path in same if path.parent != folder]
    rows += [
        traffic.since("adding and sending an image"),
        ("an image's file", f"opened {opened[os.path.realpath(image)]} times", "added and sent"),
        ("its copies", f"opened {sum(opened[c] for c in copies)} times", f"{len(copies)} copies"),
    ]
    training.add_images(others)
    training.sync()
    rows.append(traffic.since(f"adding and sending {len(others)} more"))
    training.estimate()
    rows.append(traffic.since("an estimate"))
    training.start()
    rows.append(traffic.since("a Start with everything sent"))
    training.stop()
    training.wait(60)
    training.images = training.images.assign(caption="a caption")
    traffic.requests.clear()
    training.start()
    rows.append(traffic.since("a Start that sends captions first"))
    training.stop()
    return rows


def second_kernel(home: str) -> list[Row]:
    """Open the same training in another process, and once more."""
    os.environ["PHOENIX_NBTRAIN_HOME"] = home
    import phoenix_nbtrain as nbt
    from phoenix_nbtrain.runner import InlineRunner

    nbt.connect("local")
    traffic = Traffic()
    rows = []
    for what in ("opening it in another kernel", "opening it again in that kernel"):
        training = nbt.Training.open("measured", type="flux.2-dev-lora", runner=InlineRunner())
        rows.append(traffic.since(what))
    del training
    return rows


def _public(thing: object) -> list[str]:
    return [name for name in dir(thing) if not name.startswith("_")]


def traffic() -> list[Row]:
    """Return what goes over the wire and what is read from the disk, of a small training."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        rows = []
        for kernel in (first_kernel, second_kernel):
            with multiprocessing.get_context("spawn").Pool(1) as processes:
                rows += processes.apply(kernel, (home,))
        return rows


# -- tests ----------------------------------------------------------------------------------------


def minutes() -> Row:
    """Run the tests as README says, and return how long they took."""
    begun = time.monotonic()
    code = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=ROOT, check=False).returncode
    return "pytest", f"{(time.monotonic() - begun) / 60:.1f} minutes", f"exit code {code}"


# -- mutation -------------------------------------------------------------------------------------
#
# mutmut makes the mutants and chooses between them at run time. Its own runner collects the tests
# anew for each mutant, which takes longer than the tests do; here they are collected once, and each
# mutant is a fork of that session that runs the tests that reach the changed statement.

Mutant = tuple[str, str, str, str, tuple[str, int, int]]
"""Its key, function, source and changed source, and the file and lines of the changed statement."""


def mutate(name: str, sample: int | None) -> Row:
    """Return a subject's mutation score."""
    parts, tests = SUBJECTS[name]
    of = [part.partition(":") for part in parts]
    files = [f"{PACKAGE}/{path}" for path in dict.fromkeys(path for path, _, _ in of)]
    if gone := [path for path in (*files, *tests) if not (ROOT / path).exists()]:
        raise SystemExit(f"Moved? Say where in SUBJECTS: {', '.join(gone)}")
    _copy()
    with contextlib.chdir(COPY):
        mutants = {file: _mutants(file) for file in files}
    chosen = [
        mutant
        for path, _, pattern in of
        for mutant in mutants[f"{PACKAGE}/{path}"]
        if fnmatch.fnmatchcase(mutant[1], pattern or "*")
    ]
    counts = Counter[str]()
    wanted = sorted(
        (key, at) for key, _, a, b, at in chosen if without_words(a) != without_words(b)
    )
    if sample is None or sample > len(wanted):
        counts["text only"] = len(chosen) - len(wanted)
    else:
        wanted = sorted(random.Random(0).sample(wanted, sample))
    (COPY / "wanted.json").write_text(json.dumps(wanted), encoding="utf-8")
    # Processes that tests start import the code as it is.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = [sys.executable, __file__, "--run-mutants", *tests]
    with (COPY / "log").open("w", encoding="utf-8") as log:
        code = subprocess.run(
            run, cwd=COPY, env=environment, stdout=log, stderr=log, check=False
        ).returncode
    if code or not (COPY / "fates.json").exists():
        raise SystemExit(f"The mutants could not be run; see {log.name}")
    fates = json.loads((COPY / "fates.json").read_text(encoding="utf-8"))
    counts.update(fates.values())
    diffs = []
    for key, _, original, mutant, _ in chosen:
        if fates.get(key) in {"survived", "untested"}:
            lines = difflib.unified_diff(original.splitlines(), mutant.splitlines(), lineterm="")
            diffs.append("\n".join([f"# {fates[key]}: {key}", *list(lines)[2:], ""]))
    SURVIVORS.mkdir(exist_ok=True)
    target = SURVIVORS / f"{name.replace(' ', '-')}.diff"
    target.write_text("\n".join(diffs), encoding="utf-8")
    return score(name, counts)


def _copy() -> None:
    """Copy the working tree's code and tests."""
    if COPY.exists():
        shutil.rmtree(COPY)
    for folder in (PACKAGE, "tests", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, COPY / folder, ignore=ignored)
    for name in ("README.md", "pyproject.toml"):
        shutil.copy2(ROOT / name, COPY / name)
    with (COPY / "pyproject.toml").open("a", encoding="utf-8") as configuration:
        configuration.write(CONFIGURATION)


def _mutants(file: str) -> list[Mutant]:
    """Put all its mutants into a file of the copy, to be chosen between when it runs."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    made = mutate_file_contents(file, Path(file).read_text(encoding="utf-8"))
    Path(file).write_text(made.code, encoding="utf-8")
    lines, spans = made.code.splitlines(), made.line_span_by_function_name

    def source(name: str) -> str:
        return textwrap.dedent("\n".join(lines[spans[name].start - 1 : spans[name].end]))

    module = file.removesuffix(".py").replace("/", ".")
    found = []
    for name in made.mutant_names:
        function = name.partition("__mutmut_")[0]
        plain = re.sub("^xǁ|^x_", "", function).replace("ǁ", ".")
        before, after = source(f"{function}__mutmut_orig"), source(name)
        first, last = _changed(before, after)
        begin = spans[f"{function}__mutmut_orig"].start - 1
        at = (file, begin + first, begin + last)
        found.append((f"{module}.{name}", plain, before, after, at))
    return found


def _changed(before: str, after: str) -> tuple[int, int]:
    """Return the first and last line of the statement that a mutant of a function changes."""
    old, new = before.splitlines()[1:], after.splitlines()[1:]  # the first holds its name
    same = [
        len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False))))
        for a, b in ((old, new), (old[::-1], new[::-1]))
    ]
    first, last = 2 + same[0], max(2 + same[0], 1 + len(old) - same[1])
    function = ast.parse(before).body[0]
    best = 1, 1 + len(old)
    for node in ast.walk(function):
        if isinstance(node, ast.stmt | ast.ExceptHandler) and node is not function:
            inside = [part for part in getattr(node, "body", []) if isinstance(part, ast.stmt)]
            end = max(node.lineno, inside[0].lineno - 1) if inside else node.end_lineno or first
            if node.lineno <= first <= last <= end and end - node.lineno < best[1] - best[0]:
                best = node.lineno, end
    return best


def without_words(source: str) -> str:
    """Return the syntax tree of a function as text, without its name and what people read."""
    tree = ast.parse(source)
    tree.body[0].name = ""  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        words = [p for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)]
        text = "".join(str(part.value) for part in words)
        if re.search(r"[a-z] [a-z]", text, re.IGNORECASE) and not SQL.match(text):
            for part in words:
                part.value = ""
    return ast.dump(tree)


def score(name: str, counts: Counter[str]) -> Row:
    """Return a subject's row: what was killed of all that tests could have killed."""
    counted = [counts[fate] for fate in ("killed", "survived", "untested")]
    percent = f"{100 * counted[0] / sum(counted):.1f}%" if any(counted) else "none"
    order = ("killed", "survived", "untested", "timeout", "text only")
    return f"mutation: {name}", percent, ", ".join(f"{counts[fate]} {fate}" for fate in order)


def run_mutants(tests: list[str]) -> int:
    """Run the wanted mutants in the copy, which is the present folder."""
    sys.path.insert(0, str(COPY))
    import pytest
    from mutmut.mutation.trampoline import set_mutant_under_test

    set_mutant_under_test("")
    options = ["-q", "-n0", "--rootdir=.", "-p", "no:cacheprovider", "-W", "ignore"]
    return int(pytest.main([*options, *tests], plugins=[Mutants()]))


class Mutants:
    """A plugin of pytest that runs the collected tests mutant by mutant."""

    def pytest_runtestloop(self, session: Any) -> bool:
        wanted = json.loads(Path("wanted.json").read_text(encoding="utf-8"))
        folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        notes = folder / "notes.json"
        files = {str(Path(file).resolve()): file for _, (file, _, _) in wanted}
        if self._fork(session, lambda: self._watch(session.items, notes, files), folder, None):
            return True
        reached = json.loads(notes.read_text(encoding="utf-8"))
        gc.collect()
        gc.freeze()  # else each fork copies what its garbage collector looks at
        fates = {}
        lately: list[int] = []  # what killed the mutants before this one, the last one first
        for number, (key, (file, first, last)) in enumerate(wanted):
            some = {
                n: reached[i.nodeid][0]
                for n, i in enumerate(session.items)
                if any(first <= line <= last for line in reached[i.nodeid][1].get(file, ()))
            }
            # What has killed before comes first, then the quick ones.
            order = [*(n for n in lately[:10] if n in some), *sorted(some, key=some.__getitem__)]
            order = list(dict.fromkeys(order))
            fates[key], killer = self._fate(session, key, order, folder, sum(some.values()))
            lately = [killer, *(n for n in lately if n != killer)] if killer >= 0 else lately
            print(f"{number + 1} of {len(wanted)}: {fates[key]} {key}", flush=True)
        Path("fates.json").write_text(json.dumps(fates), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        return True

    def _watch(self, items: list[Any], notes: Path, files: dict[str, str]) -> bool:
        """Run all tests; note how long each took and which lines of ``files`` it reached.

        One that fails without a mutant is left out: it reached none.
        """
        from mutmut.configuration import config

        config()  # read here, before any test changes the folder
        lines: dict[str, set[int]] = {}

        def line(frame: Any, event: str, _: object) -> Any:
            if event == "line":
                lines[files[frame.f_code.co_filename]].add(frame.f_lineno)
            return line

        def call(frame: Any, *_: object) -> Any:
            return line if frame.f_code.co_filename in files else None

        reached = {}
        for item, following in itertools.pairwise([*items, None]):
            lines.update({file: set() for file in files.values()})
            threading.settrace(call)
            sys.settrace(call)
            begun, passes = time.monotonic(), _passes(item, following)
            sys.settrace(None)
            if not passes:
                print(f"left out, since it fails without a mutant: {item.nodeid}", flush=True)
            some = {file: sorted(found) for file, found in lines.items()} if passes else {}
            reached[item.nodeid] = time.monotonic() - begun, some
        notes.write_text(json.dumps(reached), encoding="utf-8")
        return True

    def _fate(
        self, session: Any, key: str, order: list[int], folder: Path, seconds: float
    ) -> tuple[str, int]:
        """Return what became of a mutant, and the number of the test that killed it, or -1."""
        from mutmut.mutation.trampoline import set_mutant_under_test

        if not order:
            return "untested", -1
        at = folder / "at"

        def tested() -> bool:
            set_mutant_under_test(key)
            for n, following in itertools.pairwise([*order, None]):
                at.write_text(str(n), encoding="utf-8")
                after = None if following is None else session.items[following]
                if not _passes(session.items[n], after):
                    return False
            return True

        fates = {0: "survived", None: "timeout"}
        fate = fates.get(self._fork(session, tested, folder, 20 + 2 * seconds), "killed")
        return fate, int(at.read_text(encoding="utf-8")) if fate == "killed" else -1

    @staticmethod
    def _fork(
        session: Any, work: Callable[[], bool], folder: Path, seconds: float | None
    ) -> int | None:
        """Return 0 where ``work`` is true in a fork of the session; ``None`` where it is endless."""
        base = Path(tempfile.mkdtemp(dir=folder))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.setsid()
                if seconds is not None:
                    null = os.open(os.devnull, os.O_RDWR)
                    for stream in range(3):
                        os.dup2(null, stream)
                session.config._tmp_path_factory._basetemp = base
                code = 0 if work() else 1
            finally:
                os._exit(code)
        until = None if seconds is None else time.monotonic() + seconds
        ended, status = 0, 0
        while not ended and (until is None or time.monotonic() < until):
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0 if ended else 0.01)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # with all that its tests started
        if not ended:
            os.waitpid(child, 0)
        shutil.rmtree(base, ignore_errors=True)
        return os.waitstatus_to_exitcode(status) if ended else None


def _passes(item: Any, following: Any) -> bool:
    from _pytest.runner import runtestprotocol

    reports = runtestprotocol(item, nextitem=following, log=False)
    return not any(report.failed for report in reports)


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description="Measure the project.")
    parser.add_argument("--tests", action="store_true", help="run pytest as README says")
    parser.add_argument("--mutation", action="store_true", help="run mutmut over the subjects")
    parser.add_argument("--run-mutants", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--subject", choices=SUBJECTS, action="append", help="one of them only")
    parser.add_argument("--sample", type=int, help="that many mutants of each, always the same")
    given = parser.parse_args()
    if given.run_mutants:
        sys.exit(run_mutants(given.run_mutants))
    if given.mutation and importlib.util.find_spec("mutmut") is None:
        parser.error('mutmut is not installed: pip install ".[mutation]"')
    rows = itertools.chain(
        sizes(),
        traffic(),
        [minutes()] if given.tests else [],
        (mutate(name, given.sample) for name in (given.subject or SUBJECTS) if given.mutation),
    )
    print("| what | how much | of it |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
