"""The order of a mutant's judges: by what killed its neighbours before, for each CPU second."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from tests.mutation.mutants import Mutant

__all__ = ["Experience"]

#: A kill of another mutant of the same statement, of the same file, and of any file, counts so much.
STATEMENT, FILE, ANY = 8.0, 1.0, 0.02
#: What a test that killed nothing so far is taken for, in kills of any file.
NEW = 0.5
#: What a test is taken for, beside, that reaches lines of this file alone; of its share where it reaches others, too.
OWN = 0.5
#: Seconds that any test costs beside its own.
FIXED = 0.02


class Experience:
    """Which tests killed which mutants.

    A test's worth is its weighted kills by CPU second; one that reaches little else is taken for half a kill. `lines` says
    how many lines of each file a test reaches. The order decides how soon a mutant dies, and which of the tests
    still fit into its budget; never whether a test that fails counts.
    """

    def __init__(self) -> None:
        self.statements: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.files: dict[str, Counter[str]] = defaultdict(Counter)
        self.all: Counter[str] = Counter()
        self.lines: dict[str, dict[str, int]] = {}

    def learn(self, module: str, key: str, test: str) -> None:
        """A mutant of a file, with its key, died by a test."""
        self.statements[module, _statement(key)][test] += 1
        self.files[module][test] += 1
        self.all[test] += 1

    def order(
        self, mutant: Mutant, groups: Iterable[set[str]], seconds: dict[str, float], budget: float
    ) -> tuple[list[str], int]:
        """The judges of a mutant, each group by worth, as many as fit into a budget of CPU seconds, at least one.

        Returns:
            Their names, and how many do not fit.
        """
        near, file = self.statements[mutant.module, _statement(mutant.key)], self.files[mutant.module]

        def worth(name: str) -> tuple[float, str]:
            kills = STATEMENT * near[name] + FILE * file[name] + ANY * (self.all[name] + NEW)
            lines = self.lines.get(name, {})
            kills += OWN * lines.get(mutant.module, 0) / max(sum(lines.values()), 1)
            return -kills / (seconds[name] + FIXED), name

        every = list(dict.fromkeys(name for group in groups for name in sorted(group, key=worth)))
        chosen, left = list[str](), budget
        for name in every:
            if left >= seconds[name] or not chosen:
                chosen.append(name)
                left -= seconds[name]
        return chosen, len(every) - len(chosen)


def _statement(key: str) -> str:
    return key.partition("-")[0]
