"""Read damaged and lying files of every format, and count what comes of them.

Run from the repository: ``python -m benchmarks.fuzz --cases 10000 --out FILE``; goes on
where it stopped if FILE holds results, and prints a table of it. Without ``--cases`` it
only prints the table. ``--page docs/evidence/security.md`` puts the table there, and
``--write "npz head" 17 FILE`` writes the file of one case.
"""

import json
import re
from pathlib import Path

import click

from benchmarks.fuzz.cases import BAD, available, count, run_format
from benchmarks.fuzz.good_files import FORMATS
from benchmarks.fuzz.mutations import mutate
from benchmarks.markdown import as_markdown

MOST_SHOWN = 40
PLACE = re.compile(r"(?<=<!-- fuzz -->\n).*?(?=<!-- /fuzz -->)", re.DOTALL)


@click.command()
@click.option("--cases", default=0, show_default=True, help="Cases of all formats.")
@click.option("--out", type=click.Path(path_type=Path), help="File of the results.")
@click.option("--format", "only", help="Name of a single format.")
@click.option("--seconds", default=60.0, show_default=True, help="Limit of a case.")
@click.option("--write", nargs=3, help="Format, number and path of a case to write.")
@click.option("--page", type=click.Path(path_type=Path), help="Page of the table.")
@click.option("--quick", is_flag=True, help="Only show that everything runs.")
def main(cases, out, only, seconds, write, page, quick):
    """Print the table, and the cases that should not be."""
    if write:
        write_case(*write)
        return
    kinds = [kind for kind in available() if only in (None, kind.name)]
    results = read_results(out)
    done = {(found["format"], found["number"]) for found in results}
    each = 3 if quick else -(-cases // len(kinds))
    for kind in kinds:
        numbers = [i for i in range(each) if (kind.name, i) not in done]
        for found in run_format(kind, numbers, seconds) if numbers else ():
            results.append(found)
            if out is not None:
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(found) + "\n")
    table = as_markdown(count(results))
    print(table)
    if page is not None:
        text = page.read_text("utf-8")
        page.write_text(PLACE.sub(lambda _: f"\n{table}\n\n", text), "utf-8")
    bad = [found for found in results if found["outcome"] in BAD]
    for found in bad[:MOST_SHOWN]:
        print("{format} {number} ({change}): {outcome}: {detail}".format(**found))


def read_results(path):
    """Results of earlier runs."""
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def write_case(name, number, path):
    """Write the file of a case, so that it can be looked at."""
    (kind,) = (kind for kind in FORMATS if kind.name == name)
    path = Path(path)
    _, content, _ = mutate(kind, kind.make(path.parent), int(number))
    path.write_bytes(content)


if __name__ == "__main__":
    main()
