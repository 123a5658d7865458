"""python -m ops.dev.bench.memory: memory of coordinator and streamer does not grow with the table.

It moves narrow tables of two sizes under a light writer, each on a fresh stack, and reports the
peak resident memory of the workers' processes and their ratios.
"""

from __future__ import annotations

import click
import psutil

from ops.dev.bench.move import light_writer, move, stack_with_table

_ROLES = ("coordinate", "stream")


@click.command()
@click.option(
    "--rows",
    "sizes",
    type=click.IntRange(min=1000),
    multiple=True,
    default=(100_000, 2_000_000),
    help="Give it twice: the small and the large table.",
)
def main(sizes: tuple[int, ...]) -> None:
    """Peak memory of coordinator and streamer, for two sizes of table."""
    peaks = [peak_memory(rows) for rows in sizes]
    click.echo(f"{'rows':>12} " + " ".join(f"{role + ' MiB':>16}" for role in _ROLES))
    for rows, peak in zip(sizes, peaks, strict=True):
        click.echo(f"{rows:>12,} " + " ".join(f"{peak[role]:>16.1f}" for role in _ROLES))
    ratios = " ".join(f"{peaks[-1][role] / peaks[0][role]:>16.2f}" for role in _ROLES)
    click.echo(f"{'ratio':>12} {ratios}")


def peak_memory(rows: int) -> dict[str, float]:
    """MiB of the largest process of each role, at its peak."""
    peak = dict.fromkeys(_ROLES, 0.0)
    with stack_with_table(rows) as stack:
        stack.start()

        def watch() -> None:
            for role in _ROLES:
                parent = psutil.Process(stack.workers[role].pid)
                for process in (parent, *parent.children(recursive=True)):
                    peak[role] = max(peak[role], process.memory_info().rss / (1 << 20))

        with light_writer(stack, rows):
            seconds = move(stack, watch)
    click.echo(f"{rows:,} rows: moved in {seconds:.0f} s", err=True)
    return peak


if __name__ == "__main__":
    main()
