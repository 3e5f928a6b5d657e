"""The house stays in order: imports make no circle, modules stay short, the wheel holds no training data."""

from __future__ import annotations

import ast
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
ROOT = "compositional_rerank"
PACKAGE = REPOSITORY / "src" / ROOT
IMPORT_ROOTS = [REPOSITORY / "src", *sorted((REPOSITORY / "integrations").glob("*"))]
BACKENDS_CPU = PACKAGE / "backends" / "cpu.py"
SUITES = f"{ROOT}/audit/suites"
SHIPPED_SUFFIXES = {".py", ".typed", ".css", ".html", ".js", ".toml", ".json", ".md", ".safetensors"}


def modules_of(import_root: Path) -> dict[str, Path]:
    """Dotted name -> file, of each module below a folder that is on the path; tests are left out."""
    found = {}
    for path in sorted(import_root.rglob("*.py")):
        parts = path.relative_to(import_root).with_suffix("").parts
        if parts[0] != "tests":
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


SOURCES = [path for folder in IMPORT_ROOTS for path in modules_of(folder).values()]


def imports_of(name: str, path: Path) -> Iterator[tuple[str, str | None]]:
    """(module, name from it or None) of each import: those in functions and under TYPE_CHECKING, too."""
    package = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((module, alias.name) for alias in node.names)


def import_graph(import_root: Path) -> dict[str, set[str]]:
    """Module -> modules that it makes run: those that it imports, and the `__init__` above them.

    An `__init__` above the importing module itself runs before it, and does not count.
    """
    modules = modules_of(import_root)
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        graph[name] = set()
        for module, attribute in imports_of(name, path):
            inner = f"{module}.{attribute}"
            parts = (inner if inner in modules else module).split(".")
            ways = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
            whole = ".".join(parts)
            graph[name] |= {
                way for way in ways & modules.keys() if way == whole or not f"{name}.".startswith(f"{way}.")
            }
        graph[name].discard(name)
    return graph


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """One circle, its first module again at its end; empty where there is none."""
    clear: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name not in clear:
            for target in sorted(graph[name]):
                if found := walk(target, [*way, name]):
                    return found
            clear.add(name)
        return []

    return next((found for name in sorted(graph) if (found := walk(name, []))), [])


def private_names_of_torch(path: Path) -> Iterator[str]:
    """Names like `torch._C`, `torch.ops.mkldnn` or `torch.cpu._is_vnni_supported`, however imported."""
    bound = {}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from filter(is_private, [alias.name])
                first = alias.name.split(".")[0]
                bound[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield from filter(is_private, [f"{node.module}.{alias.name}"])
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            yield from filter(is_private, [dotted(node, bound)])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            owner, attribute = node.args[:2]
            if isinstance(attribute, ast.Constant):
                yield from filter(is_private, [f"{dotted(owner, bound)}.{attribute.value}"])


def is_private(name: str) -> bool:
    """Whether a dotted name is torch's, and one that it does not promise to keep."""
    first, *others = name.split(".")
    hidden = (part.startswith("_") and not part.endswith("__") for part in others)
    return first == "torch" and (others[:1] == ["ops"] or any(hidden))


def dotted(node: ast.expr, bound: dict[str, str]) -> str:
    """`nn.functional` -> `torch.nn.functional`, by what imports bound; "" for other expressions."""
    if isinstance(node, ast.Name):
        return bound.get(node.id, "")
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, bound)}.{node.attr}"
    return ""


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def shown(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("import_root", IMPORT_ROOTS, ids=lambda folder: folder.name)
def test_imports_make_no_circle(import_root: Path) -> None:
    graph = import_graph(import_root)
    assert any(graph.values())
    found = circle_in(graph)
    assert not found, "circle: " + " -> ".join(found)


def test_a_circle_would_be_found(tmp_path: Path) -> None:
    files = {
        "house/__init__.py": "",
        "house/one/__init__.py": "from house.one.door import open_it",
        "house/one/door.py": "def open_it():\n    from ..two import window",
        "house/two/__init__.py": "",
        "house/two/window.py": "import typing\nif typing.TYPE_CHECKING:\n    from house.one import open_it",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    circle = ["house.one", "house.one.door", "house.two.window", "house.one"]
    assert circle_in(import_graph(tmp_path)) == circle
    (tmp_path / "house/two/window.py").write_text("import house.one.door", encoding="utf-8")
    assert circle_in(import_graph(tmp_path))
    (tmp_path / "house/two/window.py").write_text("from . import other", encoding="utf-8")
    assert circle_in(import_graph(tmp_path)) == []


def test_few_modules_stand_beside_the_rooms() -> None:
    beside = sorted(path.name for path in PACKAGE.glob("*.py"))
    assert len(beside) <= 9, beside


def test_modules_are_short() -> None:
    lengths = {shown(path): path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}


def test_nothing_in_the_package_imports_its_root() -> None:
    modules = modules_of(PACKAGE.parent)
    found = [
        f"{shown(path)}: {attribute or module}"
        for name, path in modules.items()
        for module, attribute in imports_of(name, path)
        # The version's only home is the root, which hands out all else by loading it.
        if module == ROOT and f"{ROOT}.{attribute}" not in modules
    ]
    assert found == []


def test_private_names_of_torch_are_in_one_module() -> None:
    found = {shown(path): names for path in SOURCES if (names := sorted({*private_names_of_torch(path)}))}
    assert found.pop(shown(BACKENDS_CPU), None), "none found where there should be some"
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "import torch; torch._C",
        "import torch._dynamo",
        "from torch import _C",
        "from torch._C import _nn",
        "import torch as t; t.ops.mkldnn",
        "import torch; torch.cpu._is_vnni_supported()",
        "from torch import cpu; cpu._is_vnni_supported()",
        "import torch; getattr(torch.cpu, '_is_vnni_supported', None)",
    ],
)
def test_a_private_name_would_be_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "module.py").write_text(line, encoding="utf-8")
    assert list(private_names_of_torch(tmp_path / "module.py"))


def test_the_readme_is_short() -> None:
    words = len((REPOSITORY / "README.md").read_text(encoding="utf-8").split())
    assert words <= 900, f"{words} words"


def test_the_wheel_holds_no_training_data(tmp_path: Path) -> None:
    wheels = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    [wheel] = wheels.WheelBuilder(str(REPOSITORY)).build(directory=str(tmp_path))
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    suites = {name for name in names if name.startswith(f"{SUITES}/") and name.endswith(".jsonl")}
    assert suites == {f"{SUITES}/natural.jsonl"}
    assert [name for name in names if Path(name).suffix not in SHIPPED_SUFFIXES and name not in suites] == []
    assert [name for name in names if "data" in Path(name).parts] == []
    assert Path(wheel).stat().st_size <= 8e6
