"""Files of figures: equal in every run, drawn only when needed, whole or not there at all."""

from __future__ import annotations

import functools
import html.parser
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from representatives import sweep

from s6flow.errors import FormatError, S6FlowError
from s6flow.paper_figures import digest, draw, render
from s6flow.paper_figures import document_blocks as page
from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.command import figures
from s6flow.paper_figures.figure import as_data
from s6flow.symbolic.derivation.document import Figure as Picture
from s6flow.symbolic.derivation.document import render as render_document

NAME = "token-rates"


@pytest.fixture(autouse=True, scope="module")
def one_digest() -> Iterator[None]:
    """Sources that change while these tests run must not change their outcome."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draw, "figure_digest", functools.cache(digest.figure_digest))
        yield


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("figures")
    assert draw.draw_figures([NAME], out).exit_code == 0
    return out


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.slow
def test_two_processes_write_equal_files(drawn: Path, tmp_path: Path) -> None:
    before = digest.figure_digest(FIGURES[NAME])
    done = subprocess.run(
        [sys.executable, "-m", "s6flow.paper_figures", NAME, "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    recorded = {json.loads((folder / f"{NAME}.json").read_text())["digest"] for folder in (drawn, tmp_path)}
    if {before, digest.figure_digest(FIGURES[NAME])} != recorded:
        pytest.skip("the sources were edited while this test ran")
    assert _contents(tmp_path) == _contents(drawn)


def test_files_carry_parameters_digest_and_versions(drawn: Path) -> None:
    record = json.loads((drawn / f"{NAME}.json").read_text())
    assert set(record["files"]) == {"pdf", "svg", "png", "csv"}
    with Image.open(drawn / f"{NAME}.png") as picture:
        about = json.loads(picture.info["Description"])
        assert picture.size[0] == pytest.approx(3.3 * picture.info["dpi"][0], abs=2)
    assert about["digest"] == record["digest"]
    assert about["parameters"]["seed"] == 7
    assert about["versions"]["matplotlib"]
    assert about["theorems"]["iterated-log"] == record["theorems"]["iterated-log"]
    svg = (drawn / f"{NAME}.svg").read_text()
    assert record["digest"] in svg
    assert "dc:date" not in svg
    assert b"CreationDate" not in (drawn / f"{NAME}.pdf").read_bytes()
    assert record["digest"] in (drawn / f"{NAME}.csv").read_text().splitlines()[0]
    assert (drawn / f"{NAME}.png").stat().st_size < 250_000


def test_csv_gives_the_arrays_back() -> None:
    data = as_data(a=[[1.5, np.nan], [1 / 3, -np.inf]], b=["x, y", "$z$"], c=True, d=np.arange(3))
    back = render.read_csv(render.write_csv(data, "about"))
    np.testing.assert_array_equal(back["a"], data["a"])
    assert back["b"].tolist() == ["x, y", "$z$"]
    assert back["c"].shape == ()
    np.testing.assert_array_equal(back["d"], [0, 1, 2])


def test_what_the_room_offers_is_no_module_of_it() -> None:
    """An import of a module gives the room an attribute of its name, in place of what it would look up."""
    import s6flow.paper_figures as room

    modules = {path.stem for path in Path(room.__file__).parent.glob("*.py")}
    assert modules.isdisjoint(room.__all__)
    assert all(callable(getattr(room, name)) for name in room.__all__ if name != "FIGURES")


def test_nothing_is_drawn_twice(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _contents(drawn)
    monkeypatch.setattr(draw, "content_of", lambda *_: pytest.fail("drawn again"))
    report = draw.draw_figures([NAME], drawn)
    assert [outcome.state for outcome in report.outcomes] == ["unchanged"]
    assert _contents(drawn) == before


@pytest.mark.parametrize("damage", ["missing", "changed", "record", "digest"])
def test_what_is_not_current_is_drawn(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    for name, content in _contents(drawn).items():
        (tmp_path / name).write_bytes(content)
    if damage == "missing":
        (tmp_path / f"{NAME}.pdf").unlink()
    elif damage == "changed":
        (tmp_path / f"{NAME}.svg").write_text("<svg/>")
    elif damage == "record":
        (tmp_path / f"{NAME}.json").write_text("{}")
    else:
        monkeypatch.setattr(draw, "figure_digest", lambda figure: "another")
    calls = []
    monkeypatch.setattr(draw, "content_of", lambda figure, key: calls.append(key) or {"png": b"new", "json": b"{}"})
    report = draw.draw_figures([NAME], tmp_path)
    assert [outcome.state for outcome in report.outcomes] == ["drawn"]
    assert len(calls) == 1


def test_digest_follows_code_data_and_versions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figure = FIGURES[NAME]
    code = digest.code_of(figure.path)
    results = tmp_path / "result.json"
    results.write_text("1")
    for module in (
        "s6flow.symbolic.criteria",
        "s6flow.numeric.flow.backends.numpy.driver",
        "s6flow.symbolic.codegen.lower",
    ):
        assert module in code
    assert "s6flow.numeric.experiments.train" not in code
    before = digest.figure_digest(figure)
    assert digest.figure_digest(figure) == before
    monkeypatch.setattr(digest, "code_digest", lambda *given: "other code")
    assert digest.figure_digest(figure) == before, "nothing is parsed where no byte has changed"
    monkeypatch.setattr(digest, "bytes_digest", lambda: "other bytes")
    assert digest.figure_digest(figure) != before
    monkeypatch.undo()
    with monkeypatch.context() as patch:
        patch.setattr(digest, "shown_files", lambda figure: [results])
        shown = digest.figure_digest(figure)
        results.write_text("2")
        assert len({before, shown, digest.figure_digest(figure)}) == 3
    monkeypatch.setattr(digest, "versions", lambda figure: {"numpy": "0"})
    assert digest.figure_digest(figure) != before


def test_an_interruption_leaves_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(draw, "content_of", stop)
    with pytest.raises(KeyboardInterrupt):
        draw.draw_figures([NAME], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_figure_lists_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        draw.draw_figures(["convergance"], tmp_path)
    assert "Did you mean convergence?" in str(caught.value)
    assert all(name in str(caught.value) for name in FIGURES)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_one_error_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(draw, "content_of", lambda *_: pytest.fail("worked first"))
    with pytest.raises(S6FlowError, match="folder"):
        draw.draw_figures([NAME], tmp_path / "file" / "inside")


def test_command_says_what_became_of_each(drawn: Path) -> None:
    done = CliRunner().invoke(figures, [NAME, "--out", str(drawn)], standalone_mode=False)
    assert done.return_value == 0
    assert "unchanged" in done.output
    listed = CliRunner().invoke(figures, ["--list"], standalone_mode=False)
    assert all(name in listed.output for name in FIGURES)
    one = CliRunner().invoke(figures, ["--list", NAME], standalone_mode=False)
    assert one.output.split()[0] == NAME
    assert len(one.output) < len(listed.output)
    wrong = CliRunner().invoke(figures, ["--list", "no-such"], standalone_mode=False)
    assert isinstance(wrong.exception, FormatError)


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value for key, value in attrs if key in ("href", "src") and value]


def test_index_page_links_what_is_there(drawn: Path) -> None:
    links = _Links()
    text = (drawn / "index.html").read_text()
    links.feed(text)
    files = [target for target in links.targets if not target.startswith("#")]
    assert f"{NAME}.pdf" in files
    assert all((drawn / target).is_file() for target in files)
    assert "not drawn yet" in text  # the other figures
    assert "<math" in text


def test_a_forged_record_leads_nowhere_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone's folder: nothing outside of it is written or deleted, and its text is shown as text."""
    out, beside = tmp_path / "out", tmp_path / "beside.txt"
    out.mkdir()
    beside.write_text("mine")

    def unavailable(*_: object) -> None:
        raise draw.FigureUnavailable("there is no such result", "a", "b")

    monkeypatch.setattr(draw, "content_of", unavailable)
    other = next(name for name in FIGURES if name != NAME)
    for forms, listed in (({"x/../../beside.txt": "0"}, False), ({"png": "0"}, True)):
        said = "<script>a</script> $<script>b</script>$ `<script>c</script>`"
        record = {"digest": "<script>d</script>", "caption": said, "title": said, "files": forms}
        for name in (NAME, other):
            (out / f"{name}.json").write_text(json.dumps(record))
        draw.draw_figures([NAME], out)
        text = (out / "index.html").read_text()
        assert "<script" not in text
        assert (f'<figure id="{other}">' in text) == listed
        assert beside.read_text() == "mine"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["beside.txt", "out"]


def test_blocks_reuse_neighbouring_figures(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "figures").mkdir()
    for name, content in _contents(drawn).items():
        (tmp_path / "figures" / name).write_bytes(content)
    only = {NAME: FIGURES[NAME]}
    monkeypatch.setattr(draw, "chosen", lambda names: list(only.values()))
    monkeypatch.setattr(draw, "content_of", lambda *_: pytest.fail("drawn again"))
    blocks = page.figure_blocks(tmp_path / "derivation")
    pictures = [block for block in blocks if isinstance(block, Picture)]
    assert [picture.stem.name for picture in pictures] == [NAME]
    for form in ("markdown", "latex", "html"):
        text = render_document("Title", blocks, form)
        assert "iterated-log" in text.replace(r"\allowbreak ", "")  # where LaTeX may end a line
    assert (tmp_path / "derivation" / f"{NAME}.pdf").is_file()


@pytest.mark.parametrize("counts", sweep([[2], [1, 2]], kept=[[2]]))
def test_processes_draw_what_one_draws(counts: list[int], drawn: Path, tmp_path: Path) -> None:
    names = [NAME, "depth"]
    found = [draw.draw_figures(names, tmp_path / str(count), processes=count) for count in counts]
    assert [[outcome.state for outcome in report.outcomes] for report in found] == [["drawn", "drawn"]] * len(counts)
    written = [{path.name: path.read_bytes() for path in (tmp_path / str(count)).iterdir()} for count in counts]
    assert all(one == written[0] for one in written)
    alone = {name: content for name, content in _contents(drawn).items() if name.startswith(NAME)}
    assert alone.items() <= written[0].items(), "one process drew this one before"
    again = draw.draw_figures(names, tmp_path / "2", processes=2)
    assert {outcome.state for outcome in again.outcomes} == {"unchanged"}


def test_the_longest_are_begun_first_and_none_is_left_out() -> None:
    figures = list(FIGURES.values())
    order = draw.in_turn(list(range(len(figures))), figures)
    assert sorted(order) == list(range(len(figures)))
    longest = [figures[place].name for place in order[: len(draw.LONGEST)]]
    assert longest == list(draw.LONGEST)
    assert order[len(longest) :] == sorted(order[len(longest) :])
    assert draw.in_turn([0, order[0]], figures) == [order[0], 0]
