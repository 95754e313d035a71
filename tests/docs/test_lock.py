"""requirements.lock against every Python that the project allows, by what the installed packages say of themselves."""

import tomllib
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.conftest import ROOT
from tests.licences import PAGE, licence, page

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ALLOWED = SpecifierSet(PROJECT["requires-python"])
VERSIONS = [f"3.{minor}" for minor in range(100) if f"3.{minor}" in ALLOWED]
# What a CUDA build of torch asks for is chosen by pip with the build: see `lock` in the Makefile.
OF_A_BUILD = ("nvidia-", "cuda-", "triton")


@pytest.fixture(scope="module")
def locked():
    """Versions by name."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


def missing(requirements, locked, environment):
    """Yield what is required in an environment and not locked."""
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            version = locked.get(name)
            if not name.startswith(OF_A_BUILD) and (version is None or version not in requirement.specifier):
                yield str(requirement)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_lock_is_complete_and_consistent_for_every_python(version, locked):
    environment = {"python_version": version, "python_full_version": f"{version}.0", "extra": ""}
    extras = PROJECT["optional-dependencies"]
    found = list(missing([*PROJECT["dependencies"], *extras["dev"], *extras["tune"]], locked, environment))
    for name, pinned in locked.items():
        package = distribution(name)
        assert package.version.partition("+")[0] == pinned, name
        wanted = package.metadata["Requires-Python"] or ""
        assert f"{version}.0" in SpecifierSet(wanted), f"{name}: expected Python {wanted}"
        found += missing(package.requires or [], locked, environment)
    assert found == []


def test_types_and_style_are_those_of_the_lowest_python():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert tools["mypy"]["python_version"] == VERSIONS[0]
    assert tools["ruff"]["target-version"] == f"py{VERSIONS[0].replace('.', '')}"


def test_every_locked_package_has_its_licence_in_the_docs(locked):
    """`make docs` writes the page anew."""
    assert PAGE.read_text(encoding="utf-8") == page()
    assert [name for name in locked if not licence(name)] == []
