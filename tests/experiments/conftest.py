from tests.commands.conftest import history  # noqa: F401  a fixture
