"""Measure the project: sizes, requests, reads of an image, and on demand minutes and mutation.

    python scripts/measure.py                              the table, in a few seconds
    python scripts/measure.py --tests                      and the minutes of README's pytest
    python scripts/measure.py --mutation                   and all mutation scores, in an hour or two
    python scripts/measure.py --mutation --subject merge   and one of them, in minutes

Mutation runs in a copy, ``build/mutation``, with the unit and contract tests in `SELECTED`. The
mutants that survived are left as diffs in ``build/mutation/survivors``.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import filecmp
import fnmatch
import importlib.util
import itertools
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "build" / "mutation"
PACKAGE = "phoenix_nbtrain"

SUBJECTS = {
    "acceptance": ["launch/price.py:check_price", "launch/launcher.py:Launcher._check_*"],
    "launch states": ["launch/launcher.py", "launch/reconcile.py"],
    "trigger": ["launch/sending.py"],
    "journal": ["store/journal.py"],
    "merge": ["session/merge.py", "dataset/baselines.py", "dataset/left_out.py"],
    "edits": ["dataset/edits.py", "dataset/apply.py"],
    "money": ["launch/price.py", "launch/identity.py", "clock.py"],
    "scrubber": ["client/secrecy.py"],
    "sync": ["session/sync.py"],
}
"""What is mutated: files of the package, or with a colon those functions of a file."""

SELECTED = [
    *(f"tests/unit/{name}" for name in ("client", "dataset", "launch", "store", "session")),
    "tests/unit/test_clock.py",
    *(f"tests/contract/test_{name}.py" for name in ("client", "download", "tool")),
]

SQL = re.compile(r"(XX)?(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|BEGIN|PRAGMA)\b", re.IGNORECASE)
"""How a text begins that is no sentence for people."""

CONFIGURATION = """
[tool.mutmut]
source_paths = ["{package}"]
only_mutate = {files}
also_copy = ["notebooks", "README.md"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-W", "ignore"]
pytest_add_cli_args_test_selection = {tests}
process_isolation = "forkserver"
track_dependencies = false
use_git_change_detection = false
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


def mutate(names: list[str]) -> Iterator[Row]:
    """Yield the mutation scores of these subjects."""
    of = {name: [part.partition(":") for part in SUBJECTS[name]] for name in names}
    files = sorted({f"{PACKAGE}/{path}" for parts in of.values() for path, _, _ in parts})
    if gone := [path for path in (*files, *SELECTED) if not (ROOT / path).exists()]:
        raise SystemExit(f"Moved? Say where in SUBJECTS and SELECTED: {', '.join(gone)}")
    _copy(files)
    with contextlib.chdir(COPY):
        mutants = {file: _mutants(file) for file in files}

    def chosen(name: str) -> Iterator[tuple[str, str, str, str]]:
        for path, _, pattern in of[name]:
            for key, function, original, mutant in mutants[f"{PACKAGE}/{path}"]:
                if fnmatch.fnmatchcase(function, pattern or "*"):
                    yield f"{PACKAGE}/{path}", key, original, mutant

    wanted = {
        key
        for name in names
        for _, key, original, mutant in chosen(name)
        if without_words(original) != without_words(mutant)
    }
    log = COPY / "mutmut.log"
    with log.open("w", encoding="utf-8") as out:
        # Processes that tests start import the code as it is.
        environment = {**os.environ, "PYTHONPATH": str(COPY)}
        run = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *sorted(wanted)]
        code = subprocess.run(run, cwd=COPY, env=environment, stdout=out, stderr=out, check=False)
    if code.returncode:
        raise SystemExit(f"mutmut failed; see {log}")
    (COPY / "survivors").mkdir()
    for name in names:
        counts, diffs = Counter[str](), []
        for file, key, original, mutant in chosen(name):
            meta = COPY / "mutants" / f"{file}.meta"
            ended = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"][key]
            fate = verdict(ended) if key in wanted else "text only"
            counts[fate] += 1
            if fate in {"survived", "untested"}:
                lines = difflib.unified_diff(
                    original.splitlines(), mutant.splitlines(), lineterm=""
                )
                diffs.append("\n".join([f"# {fate}: {key}", *list(lines)[2:], ""]))
        target = COPY / "survivors" / f"{name.replace(' ', '-')}.diff"
        target.write_text("\n".join(diffs), encoding="utf-8")
        yield _score(name, counts)


def _copy(files: list[str]) -> None:
    """Copy the working tree and say what mutmut shall do there."""
    if COPY.exists():
        shutil.rmtree(COPY)
    for folder in (PACKAGE, "tests", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, COPY / folder, ignore=ignored)
    for name in ("README.md", "pyproject.toml"):
        shutil.copy2(ROOT / name, COPY / name)
    with (COPY / "pyproject.toml").open("a", encoding="utf-8") as configuration:
        configuration.write(
            CONFIGURATION.format(
                package=PACKAGE, files=json.dumps(files), tests=json.dumps(SELECTED)
            )
        )


def _mutants(file: str) -> list[tuple[str, str, str, str]]:
    """Return the key, the function, its source and its mutated source of each mutant of a file."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    made = mutate_file_contents(file, Path(file).read_text(encoding="utf-8"))
    lines, spans = made.code.splitlines(), made.line_span_by_function_name

    def source(name: str) -> str:
        return textwrap.dedent("\n".join(lines[spans[name].start - 1 : spans[name].end]))

    module = file.removesuffix(".py").replace("/", ".")
    found = []
    for name in made.mutant_names:
        function = name.partition("__mutmut_")[0]
        plain = re.sub("^xǁ|^x_", "", function).replace("ǁ", ".")
        found.append((f"{module}.{name}", plain, source(f"{function}__mutmut_orig"), source(name)))
    return found


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


def verdict(exit_code: int | None) -> str:
    """Return what became of a mutant, by the code with which mutmut's child ended."""
    fates = {0: "survived", 5: "untested", 33: "untested", None: "not run"}
    fates |= dict.fromkeys((36, 24, -24, 152, 255), "timeout")
    return fates.get(exit_code, "killed")


def _score(name: str, counts: Counter[str]) -> Row:
    counted = [counts[fate] for fate in ("killed", "survived", "untested")]
    score = f"{100 * counted[0] / sum(counted):.1f}%" if any(counted) else "none"
    order = ("killed", "survived", "untested", "timeout", "not run", "text only")
    return f"mutation: {name}", score, ", ".join(f"{counts[fate]} {fate}" for fate in order)


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description="Measure the project.")
    parser.add_argument("--tests", action="store_true", help="run pytest as README says")
    parser.add_argument("--mutation", action="store_true", help="run mutmut over the subjects")
    parser.add_argument("--subject", choices=SUBJECTS, action="append", help="one of them only")
    given = parser.parse_args()
    if given.mutation and importlib.util.find_spec("mutmut") is None:
        parser.error('mutmut is not installed: pip install ".[mutation]"')
    rows = itertools.chain(
        sizes(),
        traffic(),
        [minutes()] if given.tests else [],
        mutate(given.subject or list(SUBJECTS)) if given.mutation else [],
    )
    print("| what | how much | of it |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
