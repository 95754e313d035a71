"""Writes docs/dependencies.md: every locked package with its licence, as the installed packages say it.

Run as ``python -m tests.licences`` where requirements.lock is installed; `make docs` does.
"""

import re
from importlib.metadata import distribution

from packaging.requirements import Requirement
from tabulate import tabulate

from tests.conftest import ROOT

PAGE = ROOT / "docs/dependencies.md"
TABLE = "<!-- table -->"
LONGEST = 100  # a longer field holds the text of a licence, not its name
SHORT = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
NOTHING = ("", "UNKNOWN", "Dual License")


def licence(name: str) -> str:
    """Return what a package says of its licence: the expression, the field, or the classifiers."""
    about = distribution(name).metadata
    said = about["License-Expression"] or (about["License"] or "").strip()
    if said in NOTHING or "\n" in said or "Copyright" in said or len(said) > LONGEST:
        of = [entry.split(" :: ")[-1] for entry in about.get_all("Classifier") or () if entry.startswith("License ::")]
        said = " or ".join(SHORT.get(entry, entry) for entry in of) or said.partition("\n")[0]
    return re.sub(r"\s+", " ", SHORT.get(said, said)).replace("|", "or")


def table() -> str:
    """Return the table of all locked packages."""
    pins = map(Requirement, (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines())
    rows = [(pin.name, str(pin.specifier).removeprefix("=="), licence(pin.name)) for pin in pins]
    return tabulate(rows, ["package", "version", "licence"], tablefmt="pipe", disable_numparse=True)


def page() -> str:
    """Return the page, its table made anew."""
    return f"{PAGE.read_text(encoding='utf-8').partition(TABLE)[0]}{TABLE}\n\n{table()}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
