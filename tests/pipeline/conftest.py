"""A copy of the tiny pipeline to change, for the files whose tests all put it back."""

import pytest


@pytest.fixture(scope="module")
def base(tiny_pipeline, tmp_path_factory):
    """A copy of the tiny pipeline."""
    return tiny_pipeline.copy_to(tmp_path_factory.mktemp("pipeline") / "one")


@pytest.fixture
def repository(base):
    """The same repository, put back afterwards."""
    yield base
    base.git("checkout", "--quiet", "--", ".")
    base.dvc("checkout", "--force")
