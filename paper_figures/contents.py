"""The index page of a folder of figures."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from pathlib import Path

from s6flow.paper_figures.catalogue import FIGURES
from s6flow.paper_figures.record import read_record
from s6flow.symbolic.derivation.inline import inline_parts, math_html

__all__ = ["index_page"]

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
figure{margin:2.5rem 0;padding:0}img{width:100%;max-width:36rem;display:block}figcaption{max-width:46rem}
.files a{margin-right:1em}.skipped{color:#777}code{font-size:.9em}nav li{margin:.1em 0}"""


def index_page(out: Path, skipped: Mapping[str, str]) -> str:
    """HTML with every figure in `out`, by relative links; text that depends on the records alone."""
    entries, contents = [], []
    for number, figure in enumerate(FIGURES.values(), 1):
        record = read_record(figure.name, out)
        title = f"{number}. {html.escape(figure.title)}"
        if figure.name in skipped or record is None:
            reason = html.escape(skipped.get(figure.name, "not drawn yet"))
            contents.append(f'<li class="skipped">{title}: {reason}</li>')
            continue
        contents.append(f'<li><a href="#{figure.name}">{title}</a></li>')
        links = "".join(f'<a href="{figure.name}.{form}">{form}</a>' for form in [*record["files"], "json"])
        entries.append(
            f'<figure id="{figure.name}"><h2>{title}</h2>'
            f'<img src="{figure.name}.png" alt="{html.escape(figure.title)}">'
            f'<figcaption><p>{_inline(record["caption"])}</p><p class="files">{links}</p></figcaption></figure>'
        )
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Figures</title><style>{_STYLE}</style>\n'
        f"<h1>Figures</h1><nav><ul>{''.join(contents)}</ul></nav>\n" + "\n".join(entries) + "\n</html>\n"
    )


def _inline(text: str) -> str:
    form: dict[str, Callable[[str], str]] = {
        "math": lambda t: math_html(_no_markup(t), False),  # a record is a file, and may hold anything
        "code": lambda t: f"<code>{html.escape(t)}</code>",
        "text": html.escape,
    }
    return "".join(form[kind](piece) for kind, piece in inline_parts(text))


def _no_markup(latex: str) -> str:
    return latex.replace("&", r"\&").replace("<", r"\lt ").replace(">", r"\gt ")
