"""verify.py as an auditor runs it: bare Python, an empty folder, files from anybody."""

import ast
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from compliance.audit import verify

from .forge import FORMS, Log, a_signer, as_csv, public, row

LOG = Log.of(21)


@pytest.fixture
def auditor(tmp_path):
    """Runs a copy of verify.py with nothing of the project in reach: no packages, no environment, another folder."""
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(verify.__file__, alone)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-S", "verify.py", *map(str, arguments)],
            cwd=alone,
            env={},
            capture_output=True,
            encoding="ascii",
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize("kept", [None, [2, 3, 20]], ids=["whole", "part"])
@pytest.mark.parametrize("form", FORMS)
def test_it_runs_with_bare_python_from_an_empty_folder(auditor, tmp_path, form, kept):
    key, earlier = tmp_path / "key", tmp_path / "earlier"
    key.write_text(public(a_signer()))
    earlier.write_text(LOG.note(13))
    file = LOG.export(kept, cuts=[13], tail=[row()]).write(tmp_path, form)
    good = auditor(file, "--public-key", key, "--checkpoint", earlier)
    assert (good.returncode, good.stderr) == (0, "")
    lines = good.stdout.splitlines()
    assert lines[0].startswith(f"{22 if kept is None else 4} rows: each is intact in itself;")
    assert lines[2].startswith("The checkpoint is signed with the key ")
    assert lines[3] == "The log begins with the 13 events of the earlier checkpoint."
    assert len(lines) == 5
    file.write_text(file.read_text().replace("user:1", "user:3", 1))
    bad = auditor(file, "--public-key", key, "--checkpoint", earlier)
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith(f"{file}: row 1 (index ")


def test_it_imports_nothing_but_the_standard_library():
    nodes = list(ast.walk(ast.parse(Path(verify.__file__).read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level]
    assert "hashlib" in names
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_wrong_usage_and_what_cannot_be_read_are_told_apart(auditor, tmp_path):
    file = LOG.export().write(tmp_path)
    nothing = tmp_path / "nothing"
    assert auditor().returncode == 2
    assert auditor(file, "--publik-key", "x").returncode == 2
    for arguments in ([nothing], [file, "--public-key", nothing], [file, "--checkpoint", nothing]):
        said = auditor(*arguments)
        assert (said.returncode, said.stderr) == (2, f"{nothing} cannot be read: No such file or directory\n")
    assert auditor(tmp_path).returncode == 2
    said = auditor(file, "--public-key", file)
    assert (said.returncode, said.stderr.startswith(f"{file}: ")) == (2, True)


@pytest.mark.parametrize("suffix", [".checkpoint", ".proofs.json"])
def test_a_folder_in_the_place_of_a_file_is_no_traceback(auditor, tmp_path, suffix):
    file = LOG.export().write(tmp_path)
    beside = Path(f"{file}{suffix}")
    beside.unlink(missing_ok=True)
    beside.mkdir()
    said = auditor(file)
    assert (said.returncode, said.stderr) == (2, f"{beside} cannot be read: Is a directory\n")


def test_names_and_texts_of_others_reach_no_terminal(auditor, tmp_path):
    """A file name, the log's name, a key's name and a cell, each with what a terminal would obey."""
    folder = tmp_path / "\x1b[2J\u202e"
    folder.mkdir()
    odd = Log.of(3, a_signer(name="\x9b2J\u202e🙂"))
    key = folder / "key"
    key.write_text(public(*odd.signers))
    file = odd.export().write(folder)
    told = [auditor(file), auditor(file, "--public-key", key), auditor(file, "--checkpoint", key)]
    file.write_text(as_csv([row(actor="\x1b[2J")]))
    told += [auditor(file), auditor(folder / "nothing")]
    assert [said.returncode for said in told] == [0, 0, 2, 1, 2]
    for said in told:
        assert (said.stdout + said.stderr).replace("\n", "").isprintable()


@pytest.mark.parametrize("form", FORMS)
def test_a_large_export_takes_little_memory(tmp_path, form):
    """Nothing of a row is kept but its event's number."""
    made = Log(row(event={"details": {"text": f"{number}" * 20_000}}) for number in range(500))
    file = made.export([1, *range(3, 500)]).write(tmp_path, form)
    del made
    assert file.stat().st_size > 20_000_000
    tracemalloc.start()
    try:
        status, _said = verify.run(file)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (status, peak < 3_000_000) == (0, True), peak
