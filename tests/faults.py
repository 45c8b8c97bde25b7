#!/usr/bin/env python3
"""Breaks the code on purpose, in one way after the other, and demands that its proof notices each: the simulated world
what tests/it/sim/faults.txt lists, and the models of two threads what tests/handover/faults.txt does.

    tests/faults.py [WORD...]     every fault of the tables, or those whose names have one of the words; "sim" and
                                  "handover" are words of all those in the table there
    tests/faults.py --check       only looks whether each fault's texts are where they should be

The sources are copied to target/faults/source and built into target/faults/target, so that the second run has to build
little. A fault changes texts that stand exactly once in their files; one that no longer does is an error, and so is a
fault that doesn't compile or that nothing notices. Exit code 0: every fault was caught.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "target/faults/source"
TARGET = ROOT / "target/faults/target"

# What loops for ever is caught too. The slowest of the world's tests takes some 20 s by itself.
PATIENCE_S = 300

BROKEN = re.compile(r"step \d+ of \d+: (\w+): (.*)")
PANIC = re.compile(r"thread '([^']+)' \(\d+\) panicked at [^\n]*\n([^\n]*)")


class Proof:
    """A table of faults, the tests that have to notice them, and in which stages these are run."""

    def __init__(self, table, tests, stages):
        self.table = ROOT / table
        self.tests = tests
        self.stages = stages


PROOFS = (
    # The small worlds find nearly everything, and soon.
    Proof("tests/it/sim/faults.txt", ("--test", "it"), ("sim::small_worlds", "sim::")),
    Proof("tests/handover/faults.txt", ("--manifest-path", "tests/handover/Cargo.toml", "--test", "models"), ("",)),
)


class Fault:
    """A name, what to put where (file, old text, new text), and who has to notice."""

    def __init__(self, name, proof):
        self.name = name
        self.proof = proof
        self.changes = []

    def text(self):
        return f"{self.proof.table.parent.name} {self.name}".lower()


def read_tables():
    return [fault for proof in PROOFS for fault in read_table(proof)]


def read_table(proof):
    """Reads `== NAME`, then for each change `file: PATH`, the old lines after `- ` and the new ones after `+ `."""
    faults = []
    for number, line in enumerate(proof.table.read_text().splitlines(), 1):
        if line.startswith("== "):
            faults.append(Fault(line[3:], proof))
        elif line.startswith("file: "):
            faults[-1].changes.append((line[6:], [], []))
        elif line.startswith("-"):
            faults[-1].changes[-1][1].append(line[2:])
        elif line.startswith("+"):
            faults[-1].changes[-1][2].append(line[2:])
        elif line and not line.startswith("#"):
            sys.exit(f"{proof.table}:{number}: expected '== NAME', 'file: PATH', '- OLD', '+ NEW' or '# COMMENT'")
    return faults


def copy_sources():
    """Makes the copy equal to the sources; what is equal keeps its time, so that it isn't built again."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")
    names = {name for name in listed if name and (ROOT / name).is_file()}
    for name in names:
        write(SOURCE / name, (ROOT / name).read_bytes())
    for path in [path for path in SOURCE.rglob("*") if path.is_file()]:
        if str(path.relative_to(SOURCE)) not in names:
            path.unlink()


def write(path, data):
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def apply(fault):
    """Changes the copy; answers what is wrong with the fault, if anything."""
    for name, old, new in fault.changes:
        path, old, new = SOURCE / name, "\n".join(old), "\n".join(new)
        text = path.read_text() if path.exists() else ""
        if text.count(old) != 1 or not old:
            return f"its text stands {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new))
    return None if fault.changes else "it changes nothing"


def cargo(*arguments, timeout=None):
    # Shrinking is for people, and the page is no part of this.
    environment = os.environ | {
        "CARGO_TARGET_DIR": str(TARGET), "TICKCAST_PAGE": "skip", "TICKCAST_SIM_SHRINK": "no", "RUST_BACKTRACE": "0",
    }
    command = ["cargo", *arguments]
    return subprocess.run(
        command, cwd=SOURCE, env=environment, capture_output=True, text=True, errors="replace", timeout=timeout
    )


def run(proof):
    """Answers which promise was broken and how, or None."""
    for stage in proof.stages:
        try:
            ran = cargo("test", "--locked", *proof.tests, stage, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            return "Time", f"not over after {PATIENCE_S} s"
        if ran.returncode != 0:
            said = ran.stdout + ran.stderr
            found = BROKEN.search(said) or PANIC.search(said)
            return found.groups() if found else ("?", said[-300:])
    return None


def try_fault(fault):
    """Answers whether it was caught, and what there is to say."""
    copy_sources()
    wrong = apply(fault)
    if wrong:
        return False, f"ERROR: {wrong}"
    built = cargo("test", "--locked", *fault.proof.tests, "--no-run")
    if built.returncode != 0:
        errors = [line for line in built.stderr.splitlines() if line.startswith("error")]
        return False, f"ERROR: it doesn't compile: {errors[0] if errors else built.stderr[-300:]}"
    found = run(fault.proof)
    if found is None:
        return False, "NOT CAUGHT"
    promise, how = found
    return True, f"{promise}: {' '.join(how.split())[:100]}"


def check(faults):
    copy_sources()
    wrong = 0
    for fault in faults:
        problem = apply(fault)
        wrong += problem is not None
        print(f"{fault.name}: {problem or 'can be made'}")
        copy_sources()
    sys.exit(1 if wrong else 0)


def main():
    if sys.argv[1:] == ["--check"]:
        check(read_tables())
    words = [word.lower() for word in sys.argv[1:]]
    faults = [fault for fault in read_tables() if not words or any(word in fault.text() for word in words)]
    if not faults:
        sys.exit("no fault has such a name")
    if shutil.which("cargo") is None:
        sys.exit("cargo is missing")
    copy_sources()
    for proof in dict.fromkeys(fault.proof for fault in faults):
        found = run(proof)
        if found is not None:
            sys.exit(f"{proof.table} needs tests that pass without a fault: {found[0]}: {found[1]}")
    caught = 0
    for fault in faults:
        begun = time.monotonic()
        is_caught, said = try_fault(fault)
        caught += is_caught
        print(f"{time.monotonic() - begun:5.0f} s  {fault.name:<64}  {said}", flush=True)
    copy_sources()
    print(f"{caught} of {len(faults)} faults were caught")
    sys.exit(0 if caught == len(faults) else 1)


if __name__ == "__main__":
    main()
