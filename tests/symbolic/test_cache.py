"""Generated code on disk: executed only as its text says, and only from a folder that nobody else can write."""

from __future__ import annotations

import importlib.util
import marshal
import os
import pickle
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from representatives import sweep

from s6flow.symbolic.codegen import cache
from s6flow.symbolic.codegen.cache import why_not

LOAD = """
from s6flow.symbolic.codegen.load import load_module
module, path = load_module("def answer():\\n    return 42\\n", "plain", ("numpy",))
print(path, module.answer())
"""
NUMBA = """
from s6flow.symbolic.codegen.load import load_module
text = "from numba import njit\\n\\n\\n@njit(cache=True)\\ndef answer(x):\\n    return x + 1\\n"
module, path = load_module(text, "compiled", ("numba",), "cpu")
print(path, module.answer(41), sum(module.answer.stats.cache_hits.values()))
"""


def run(code: str, folder: Path, **more: str) -> tuple[list[str], list[str]]:
    """Words and error lines of a process with this cache; whoever breaks in leaves a file `owned`."""
    given = {**os.environ, "S6FLOW_CACHE": str(folder), **more}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=given)
    assert done.returncode == 0, done.stderr
    return done.stdout.split(), done.stderr.splitlines()


#: Imports Numba and starts its compiler once, and forks for every run, which finds what lies on the disk and no more.
FORKS = """
import os, sys
import numba
import s6flow.symbolic.codegen.load
numba.njit(lambda x: x + 1)(41)
for line in sys.stdin:
    if os.fork() == 0:
        for number, name in enumerate(("out", "err"), 1):
            os.dup2(os.open(os.path.join(line.strip(), name), os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
        exec(CODE, {"__name__": "__main__"})
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@contextmanager
def forked(code: str, folder: Path, **more: str) -> Iterator[Callable[[], tuple[list[str], list[str]]]]:
    """As `run`, asked as often as wanted; what is imported is imported once."""
    given = {**os.environ, "S6FLOW_CACHE": str(folder), **more}
    words = [sys.executable, "-c", f"CODE = {code!r}\n{FORKS}"]
    with (
        tempfile.TemporaryDirectory() as place,
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=given) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None

        def ask() -> tuple[list[str], list[str]]:
            print(place, file=process.stdin, flush=True)
            status = process.stdout.readline().strip()
            out, err = (Path(place, name).read_text() for name in ("out", "err"))
            assert status == "0", err
            return out.split(), err.splitlines()

        yield ask


class Harm:
    """A pickle that leaves a file behind when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.mkdir, (str(self.marker), 0o700)


@pytest.mark.parametrize("mask", [0, 0o022, 0o777])
def test_a_new_folder_is_the_users_alone(tmp_path: Path, mask: int) -> None:
    folder = tmp_path / "new"
    (path, answer), lines = run(f"import os; os.umask({mask})\n" + LOAD, folder)
    assert (Path(path).parent, answer, lines) == (folder, "42", [])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o770, 0o720])
def test_a_folder_that_others_can_write_is_not_used(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    (path, answer), lines = run(LOAD, folder)
    assert answer == "42"
    assert folder not in Path(path).parents
    assert not Path(path).parent.exists(), "the private folder goes with the process"
    assert len(lines) == 1
    assert "can be written by others" in lines[0]
    assert list(folder.iterdir()) == []


def test_a_readable_folder_of_ones_own_is_closed_and_used(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o755)
    (path, _), lines = run(LOAD, folder)
    assert (Path(path).parent, lines) == (folder, [])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only the superuser gives files away")
def test_a_folder_of_another_user_or_below_one_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    (folder / "below").mkdir(parents=True)
    os.chown(folder, 1234, 1234)
    for used in (folder, folder / "below"):
        assert "another user" in why_not(used)
        _, lines = run(LOAD, used)
        assert len(lines) == 1


def test_a_folder_that_others_can_put_another_for_is_not_used(tmp_path: Path) -> None:
    below = tmp_path / "open" / "below"
    below.mkdir(parents=True)
    below.parent.chmod(0o777)
    assert "others can write" in why_not(below)
    below.parent.chmod(0o1777)  # as /tmp: what is there can only be moved by its owner
    assert why_not(below) == ""


def test_a_cache_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "below", tmp_path / "file"):
        (_, answer), lines = run(LOAD, folder)
        assert answer == "42"
        assert len(lines) == 1


def test_bytecode_beside_the_text_is_never_believed(tmp_path: Path) -> None:
    folder, marker = tmp_path / "cache", tmp_path / "owned"
    (path, _), _ = run(LOAD, folder)
    text = Path(path)
    planted = text.parent / "__pycache__" / f"{text.stem}.{sys.implementation.cache_tag}.pyc"
    planted.parent.mkdir(exist_ok=True)
    evil = compile(f"import os; os.mkdir({str(marker)!r})\ndef answer(): return 13\n", path, "exec")
    found = text.stat()
    header = struct.pack("<4s3L", importlib.util.MAGIC_NUMBER, 0, int(found.st_mtime), found.st_size)
    code = header + marshal.dumps(evil)
    for content in (code, code[:20], b"", marshal.dumps(3)):
        planted.write_bytes(content)
        (_, answer), lines = run(LOAD, folder)
        assert (answer, lines) == ("42", [])
    assert not marker.exists()
    text.write_text("def answer():\n    return 13\n")
    assert run(LOAD, folder)[0][1] == "42"


#: What may befall a file.
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "its head": lambda whole: whole[:40],
    "its half": lambda whole: whole[: len(whole) // 2],
    "all but the end": lambda whole: whole[:-1],
    "one byte": lambda whole: whole[:50] + bytes([whole[50] ^ 1]) + whole[51:],
}


class TestNumba:
    @pytest.fixture(autouse=True)
    def _numba(self) -> None:
        pytest.importorskip("numba")

    @pytest.mark.parametrize("damage", sweep(DAMAGE, kept=["one byte"]))
    def test_compiled_code_is_kept_and_damage_is_compiled_again(self, damage: str, tmp_path: Path) -> None:
        folder = tmp_path / "cache"
        with forked(NUMBA, folder) as once_more:
            assert once_more()[0][1:] == ["42", "0"]
            assert once_more()[0][1:] == ["42", "1"]
            for pattern in ("*.nbi", "*.nbc"):
                (file,) = folder.glob(pattern)
                assert stat.S_IMODE(file.stat().st_mode) == 0o600
                file.write_bytes(DAMAGE[damage](file.read_bytes()))
                (_, answer, hits), lines = once_more()
                assert (answer, hits, lines) == ("42", "0", []), pattern
            assert once_more()[0][1:] == ["42", "1"]
        assert run(NUMBA, folder)[0][1:] == ["42", "1"], "another process finds it, too"

    def test_planted_pickles_are_not_read(self, tmp_path: Path) -> None:
        folder, marker, other = tmp_path / "cache", tmp_path / "owned", tmp_path / "other"
        with forked(NUMBA, folder, NUMBA_CACHE_DIR=str(other)) as once_more:
            once_more()
            planted = pickle.dumps(Harm(marker))
            own = list(folder.glob("*.nb?"))
            assert len(own) == 2, "they lie in the folder that was checked, whatever Numba is told"
            for file in own:
                for place in (file, folder / "__pycache__" / file.name, *(sub / file.name for sub in other.glob("*"))):
                    place.parent.mkdir(exist_ok=True)
                    place.write_bytes(planted)
                assert once_more()[0][1] == "42"
                assert not marker.exists()
        pickle.loads(planted)
        assert marker.exists()  # the file does what it threatens, so that the above was needed

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only the superuser gives files away")
    @pytest.mark.nightly
    def test_compiled_code_of_another_user_is_not_read(self, tmp_path: Path) -> None:
        folder = tmp_path / "cache"
        run(NUMBA, folder)
        for file in folder.glob("*.nb?"):
            os.chown(file, 1234, 1234)
        assert run(NUMBA, folder)[0][1:] == ["42", "0"]


class TestTriton:
    """Where Triton keeps compiled kernels; only the folder is looked at, so that no Triton is needed."""

    @pytest.fixture(autouse=True)
    def _own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("TRITON_CACHE_DIR", "TRITON_HOME"):
            monkeypatch.setenv(name, "")
        monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)

    def test_the_users_folder_is_made_private_and_left_where_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("TRITON_HOME", str(tmp_path))
        cache.guard_triton()
        made = tmp_path / ".triton" / "cache"
        assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(made.parent.stat().st_mode) == 0o700
        (made / "kernel").mkdir(mode=0o755)
        cache.guard_triton()
        assert os.environ["TRITON_CACHE_DIR"] == ""
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("way", ["open", "sticky", "entry", "link", "file"])
    def test_a_folder_that_others_write_is_not_used(
        self, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / "shared"
        folder.mkdir()
        if way in ("open", "sticky"):
            folder.chmod(0o777 if way == "open" else 0o1777)
        elif way == "entry":
            (folder / "kernel").mkdir()
            (folder / "kernel").chmod(0o777)
        elif way == "link":
            (folder / "kernel").symlink_to(tmp_path)
        else:
            folder = folder / "file"
            folder.write_text("")
            folder /= "below"
        monkeypatch.setenv("TRITON_CACHE_DIR", str(folder))
        cache.guard_triton()
        assert os.environ["TRITON_CACHE_DIR"] == str(tmp_path / "triton")
        assert stat.S_IMODE((tmp_path / "triton").stat().st_mode) == 0o700
        assert len(capsys.readouterr().err.splitlines()) == 1
