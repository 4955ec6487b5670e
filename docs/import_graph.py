"""Writes the import graph of docs/architecture.md between its two markers: rooms as boxes, an arrow for what a room
imports; arrows that follow from others are left out.

python docs/import_graph.py [--check]   --check: only say whether the page is current (exit 1 if not)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import grimp

PAGE = Path(__file__).with_name("architecture.md")
BEGIN, END = "<!-- import graph: written by docs/import_graph.py -->", "<!-- end of import graph -->"
#: Packages whose parts are rooms of their own.
OPENED = ("s6flow", "s6flow.numeric")


def rooms(graph: grimp.ImportGraph) -> list[str]:
    """The packages that a newcomer meets: parts of `OPENED` that have parts themselves, and `OPENED` itself."""
    found = {child for parent in OPENED for child in graph.find_children(parent) if graph.find_children(child)}
    return sorted(found - {"s6flow"})


def edges(graph: grimp.ImportGraph) -> list[tuple[str, str]]:
    """Room -> room that it imports, transitively reduced."""
    names = rooms(graph)

    def room(module: str) -> str | None:
        return max((name for name in names if module == name or module.startswith(name + ".")), key=len, default=None)

    direct: dict[str, set[str]] = {name: set() for name in names}
    for module in graph.modules:
        source = room(module)
        for target in graph.find_modules_directly_imported_by(module):
            into = room(target)
            if source and into and source != into:
                direct[source].add(into)

    def reaches(start: str, goal: str, without: tuple[str, str]) -> bool:
        seen, waiting = set(), [start]
        while waiting:
            here = waiting.pop()
            for following in direct[here]:
                if (here, following) != without and following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return goal in seen

    pairs = sorted((source, target) for source, targets in direct.items() for target in targets)
    return [pair for pair in pairs if not reaches(*pair, without=pair)]


def text() -> str:
    """The graph as a Mermaid diagram, which code hosts and the docs site draw."""
    graph = grimp.build_graph("s6flow")
    lines = ["```mermaid", "graph TD"]
    lines += [f"  {_short(source)} --> {_short(target)}" for source, target in edges(graph)]
    return "\n".join([*lines, "```"])


def _short(room: str) -> str:
    name = room.removeprefix("s6flow.")
    return f"{name.replace('.', '_')}[{name.replace('.', '/')}]"


def main() -> None:
    """Write the graph, or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is not current")
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    new = f"{before}{BEGIN}\n{text()}\n{END}{after}"
    if parser.parse_args().check:
        if new != page:
            raise SystemExit(
                "docs/architecture.md shows another import graph than the code's. Run python docs/import_graph.py."
            )
    else:
        PAGE.write_text(new)


if __name__ == "__main__":
    main()
