"""What may be concluded from a number: a sentence of the committed correlations, on every page and in JSON."""

import json
from pathlib import Path

import pytest
from markupsafe import escape

from s6flow.numeric.experiments.predicts import OUTCOMES, PREDICTORS
from s6flow.numeric.health import NUMBERS
from s6flow.numeric.health.conclusions import ACROSS, IN_TRACES, ON_AXES, UNKNOWN, concluded, conclusion
from s6flow.numeric.health.pages import health_page

NAMES = [row.name for row in NUMBERS]


def row(outcome: str, correlation: float, verdict: str, runs: int = 60) -> dict[str, object]:
    interval = [correlation - 0.2, correlation + 0.2]
    return {"predictor": "diagnosis.spread", "goal": OUTCOMES[outcome], "correlation": correlation, "interval": interval,
            "runs": runs, "verdict": verdict}  # fmt: skip


def test_what_was_committed_is_what_is_said() -> None:
    """Row by row: a goal is named as gone with where its interval excludes zero, with its number, and nowhere else."""
    rows = json.loads(ACROSS.read_text())["correlations"]["rows"]
    told = {found["predictor"].removeprefix("diagnosis.") for found in rows} & set(NAMES)
    assert len(told) >= 8
    for name in NAMES:
        text, mine = conclusion(name), [found for found in rows if found["predictor"] == f"diagnosis.{name}"]
        assert (text == UNKNOWN) == (not mine)
        for found in mine:
            low, high = found["interval"]
            number = f"{found['goal']} (rank correlation {found['correlation']:.2f}, {low:.2f} to {high:.2f})"
            assert found["goal"] in text
            assert (number in text) == (low > 0 or high < 0), f"{name}, {found['goal']}"


def test_correlated_numbers_are_numbers_of_health() -> None:
    """A predictor that is renamed would silently lose its sentence."""
    besides = {
        "response_least",
        "mu_negative",
        "control_z",
        "cb_positive",
        "update_over_stream",
    }  # of more than one layer's weights
    assert {name.removeprefix("diagnosis.") for name in PREDICTORS} - besides <= set(NAMES)


@pytest.mark.parametrize(
    ("rows", "said", "unsaid"),
    [
        ([row("test.bits_per_byte", 0.5, "predicts")], "a larger test loss (rank correlation 0.50, 0.30 to 0.70)", "no relation"),
        ([row("test.bits_per_byte", -0.5, "predicts")], "a smaller test loss (rank correlation -0.50, -0.70 to -0.30)", "no relation"),
        ([row("test.bits_per_byte", 0.1, "undecided")], "no relation was seen with test loss: nothing on these", "rank"),
        ([row("test.bits_per_byte", 0.5, "predicts"), row("pruning.random", 0.1, "undecided", 48)], "Over 48 to 60 trained", "nothing"),
        ([], UNKNOWN, "trained"),
    ],
)  # fmt: skip
def test_sentences_follow_the_correlations(rows: list[dict[str, object]], said: str, unsaid: str) -> None:
    text = concluded("spread", {"looks": 70, "rows": rows})
    assert said in text
    assert unsaid not in text
    assert text.count(".") >= 1
    assert text.endswith(".")


def test_pages_say_it() -> None:
    from s6flow.numeric.audit.output.health import health_json, reference
    from s6flow.numeric.experiments import shipped_checkpoint
    from s6flow.numeric.health import diagnose

    found = diagnose(str(shipped_checkpoint("mixed")))
    said = {number["name"]: number["conclusion"] for number in health_json(found)["numbers"]}
    assert said == {name: conclusion(name) for name in NAMES} == {entry[0]: entry[-1] for entry in reference(found)}
    page = health_page()
    listed = {name.removeprefix("diagnosis.") for name in PREDICTORS} - {
        "response_least"
    }  # of the weakest layer, no number of a layer
    assert listed == {*NAMES, *ON_AXES, *IN_TRACES} & listed
    assert all(conclusion(name) in page for name in listed)
    assert all((conclusion(name) in page) == (conclusion(name) != UNKNOWN) for name in NAMES)
    assert page == (Path(__file__).parents[2] / "docs" / "health.md").read_text(), "make generated writes it"


def test_an_audit_says_it_of_its_axes() -> None:
    """In the terminal, the page and JSON, beside how to read the number."""
    from s6flow.numeric.audit import audit
    from s6flow.numeric.audit.output.page import to_html
    from s6flow.numeric.audit.output.records import to_json
    from s6flow.numeric.audit.output.sentences import how_to_read
    from s6flow.numeric.experiments import shipped_checkpoint

    found = audit(str(shipped_checkpoint("mixed")))
    for name, shown in ON_AXES.items():
        said = f"{shown}: {conclusion(name)}"
        assert conclusion(name) != UNKNOWN
        assert said in how_to_read()
        assert said in to_json(found)["reading"]
        assert escape(said) in to_html(found)
