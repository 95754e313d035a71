from huse.experiments.methods.choices import choices_json, choices_markdown
from huse.experiments.methods.entries import Entry
from huse.experiments.methods.running import Outcome

GRID = ({"graph.beta": 1}, {"graph.beta": 2})
OUTCOMES = [
    Outcome(Entry("HUSE", {"method": "huse"}, GRID), GRID[0], [(GRID[0], 0.6), (GRID[1], 0.5)], []),
    Outcome(
        Entry("Better", {"method": "huse", "class_vectors": "tree"}, GRID),
        GRID[1],
        [(GRID[0], 0.5), (GRID[1], 0.6)],
        [],
    ),
]


def test_the_page_and_json_say_what_was_chosen_and_tried_and_the_page_marks_who_knows_the_tree():
    page = choices_markdown(OUTCOMES)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    assert lines[2] == ["HUSE", "beta 1", "beta 1: 60.0; beta 2: 50.0"]
    assert lines[3] == ["Better *", "beta 2", "beta 1: 50.0; beta 2: 60.0"]
    content = choices_json(OUTCOMES)
    assert content["Better"]["setting"] == {"method": "huse", "class_vectors": "tree", "graph.beta": 2}
    assert content["Better"]["tried"][1] == {"setting": {"graph.beta": 2}, "validation": 0.6}
