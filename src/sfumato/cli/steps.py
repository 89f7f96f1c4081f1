"""Help that ends with the table of steps a chain may name, made from the catalogue."""

from typing import Any

from typer.core import TyperCommand

GRAMMAR = """\
 A chain is written as steps with | between them: "scale 2..4 | noise 0..12 | maybe(0.5, jpeg 10..60) | text density=20".
 a..b is drawn anew for every picture; key=value names an argument; also shuffle(chain) and repeat(n, chain).
 The steps, with what each takes unless told:
"""


class WithSteps(TyperCommand):
    """A verb that takes a chain."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The usual help, then the table; only here the steps themselves are imported."""
        super().format_help(ctx, formatter)
        from sfumato.spoil import catalogue

        print(GRAMMAR)
        for row in catalogue.table():
            print(f"   {row.usage}\n       {row.says}")
        print()
