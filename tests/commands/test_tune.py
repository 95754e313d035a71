from tests.commands.conftest import error, huse


def test_the_ranges_that_come_with_it_are_listed(workplace):
    assert huse("tune").stdout.split() == ["training"]


def test_what_is_wrong_is_named(workplace):
    assert "no ranges 'width'; there are: training" in error("tune", "width")
    assert "mine.yaml: not found" in error("tune", "mine.yaml")
    (workplace / "mine.yaml").write_text("metrics: [a.b]\nparameters: {train.depth: {low: 1, high: 2}}\n")
    assert "mine.yaml: parameters.train.depth: params.yaml has no such parameter" in error("tune", "mine.yaml")
    (workplace / "mine.yaml").write_text("metrics: [\n")
    assert "mine.yaml: not valid YAML" in error("tune", "mine.yaml")
    assert "--name ../x: expected letters" in error("tune", "training", "--name", "../x")
    assert "evaluate: not up to date" in error("tune", "training")
    (workplace / "params.yaml").unlink()
    assert "params.yaml: not found" in error("tune", "training")
