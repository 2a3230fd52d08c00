"""Outlines: lines below lines, as a tree. Unlike rich's tree, it cuts no line: people copy ids out of it."""

from collections.abc import Iterator

from services.cli.output import out


class Outline:
    """A node: text of one or more lines, in rich's markup, and the nodes below it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._below: list[Outline] = []

    def add(self, node: "Outline | str") -> "Outline":
        """Put a node below this one, after the others, and return it."""
        self._below.append(node if isinstance(node, Outline) else Outline(node))
        return self._below[-1]

    def lines(self) -> Iterator[str]:
        """Yield every line of it, with the branches drawn."""
        yield from self.text.split("\n")
        for node in self._below:
            last = node is self._below[-1]
            first, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
            for number, line in enumerate(node.lines()):
                yield (rest if number else first) + line

    def print(self) -> None:
        """Print it on stdout."""
        for line in self.lines():
            out.print(line)
