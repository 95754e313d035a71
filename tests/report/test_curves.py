import pandas as pd
import pytest

from huse.errors import InputError
from huse.report.curves import finetuning_pictures, thin, training_pictures
from huse.run.artifacts import read_curves, read_text_table


def curve(name, values):
    return pd.DataFrame({"step": range(1, len(values) + 1), name: values})


def test_curves_of_a_folder_share_a_picture_and_known_folders_come_first():
    pictures = training_pictures(
        {
            "own/thing": curve("thing", [1.0]),
            "validation/recall_at_1": curve("recall_at_1", [0.5, 0.75]),
            "loss": curve("loss", [2.0, 1.0]),
            "gap": curve("gap", [0.5, 0.25]),
            "empty/nothing": curve("nothing", []),
        }
    )
    assert [picture.title for picture in pictures] == ["Loss", "Validation", "own"]
    assert pictures[0].points.to_dict("list") == {
        "x": [1, 2, 1, 2],
        "y": [0.5, 0.25, 2.0, 1.0],
        "curve": ["gap", "gap", "loss", "loss"],
    }
    assert pictures[1].points["curve"].tolist() == ["R@1", "R@1"]
    assert [picture.logarithmic for picture in pictures] == [True, False, False]


def test_a_loss_of_nothing_has_no_logarithm():
    assert not training_pictures({"loss": curve("loss", [1.0, 0.0])})[0].logarithmic


def test_long_curves_are_thinned_and_keep_their_ends():
    kept = thin(curve("loss", list(range(1000))), 4)
    assert kept["step"].tolist() == [1, 334, 667, 1000]
    assert len(thin(curve("loss", [1.0, 2.0]), 4)) == 2


def test_no_fine_tuning_no_pictures():
    epochs = pd.DataFrame({"epoch": [1], "loss": [2.0], "validation_loss": [1.5], "validation_accuracy": [0.5]})
    assert [picture.points["y"].tolist() for picture in finetuning_pictures(epochs)] == [[2.0, 1.5], [0.5]]
    assert finetuning_pictures(epochs.iloc[:0]) == []


def test_curves_are_read_from_all_folders_in_order(tmp_path):
    (tmp_path / "validation").mkdir()
    (tmp_path / "loss.tsv").write_text("step\tloss\n50\t0.5\n", encoding="utf-8")
    (tmp_path / "validation/accuracy.tsv").write_text("step\taccuracy\n50\t0.75\n", encoding="utf-8")
    curves = read_curves(tmp_path)
    assert list(curves) == ["loss", "validation/accuracy"]
    assert curves["validation/accuracy"].to_dict("list") == {"step": [50], "accuracy": [0.75]}
    assert read_curves(tmp_path / "none") == {}


@pytest.mark.parametrize("name", ["NA", "null", "nan", "", "10", "007", "1e5", "True", "1_000", "2024-01-31"])
def test_a_name_that_looks_like_something_else_is_a_name(tmp_path, name):
    file = tmp_path / "pairs.csv"
    file.write_text(f"actual,predicted,items,share\n{name},7,2,\n", encoding="utf-8")
    read = read_text_table(file, ["items", "share"], ["actual", "predicted"])
    assert read[["actual", "predicted", "items"]].values.tolist() == [[name, "7", 2]]
    assert read["share"].isna().all()


@pytest.mark.parametrize(
    ("content", "said"), [(None, "not found"), ("", "not a readable table"), ("a,b\n1,2\n", "found a, b")]
)
def test_a_table_that_does_not_fit_is_named(tmp_path, content, said):
    if content is not None:
        (tmp_path / "pairs.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=rf"pairs\.csv.*{said}"):
        read_text_table(tmp_path / "pairs.csv", ["actual"])
