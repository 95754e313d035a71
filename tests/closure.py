"""Which of the project's modules a stage reaches by imports, read from the source."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def module_file(name: str, root: Path = ROOT) -> Path | None:
    """Return the file of a module of the project, relative to `root`, or None for any other module."""
    path = Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return None


def imported(file: Path, root: Path = ROOT) -> set[str]:
    """Return the names of the modules that a file imports, inside functions too, or has in a string, to import it."""
    names = set()
    for node in ast.walk(ast.parse((root / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports are not followed"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and re.fullmatch(r"huse(\.\w+)+", str(node.value)):
            names.add(node.value)
    return names


def closure(file: Path, root: Path = ROOT) -> set[Path]:
    """Return every non-empty file of the project that `file` reaches, itself included."""
    seen: set[Path] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        found = (module_file(name, root) for name in imported(current, root))
        waiting += [path for path in found if path is not None]
    return {path for path in seen if (root / path).stat().st_size > 0}


def rooms(files: set[Path]) -> set[Path]:
    """Return where files of code lie, as a stage depends on it: a folder of the package, or a loose module."""
    return {Path(*file.parts[:2]) if file.parts[0] == "huse" else Path(file.parts[0]) for file in files}


def code_of(stage: str, root: Path = ROOT) -> set[Path]:
    """Return the code that a stage depends on: its script, what runs it, and the rooms that both reach."""
    script = Path("stages", f"{stage}.py")
    reached = closure(script, root)
    scripts = {file for file in reached if file.parts[0] == "stages"}
    return scripts | rooms(reached - scripts)


if __name__ == "__main__":
    for stage in sorted((ROOT / "stages").glob("*.py")):
        print(stage.name, *sorted(map(str, code_of(stage.stem))), sep="\n      - ")
