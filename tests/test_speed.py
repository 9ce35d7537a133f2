"""demos/speed.py: parts by name, and the race for accuracy against what is trained."""
import csv

import shared
import speed


def run(argv, path):
    shared.main(speed.run, speed.PARSER, [*argv, "--csv", str(path)])
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_parts_asked_for_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(speed.train, "train", None)
    monkeypatch.setattr(speed, "REPEATS", 1)
    rows = run(["--part", "gradient"], tmp_path / "t.csv")
    assert [(row["part"], row["unit"]) for row in rows] == [("gradient", "ms")] * 6
    assert all(float(row["value"]) > 0 for row in rows)


def test_a_race_ends_where_every_level_is_held(tmp_path, monkeypatch):
    tried = []

    def evaluate(n_steps):
        tried.append(n_steps)
        error = 0.02 if n_steps >= 150 else 0.021
        return [{"information": 1, "level": 1}, {"information": error, "level": 0}]
    monkeypatch.setattr(speed.train, "train", lambda *arguments: arguments[-1])
    monkeypatch.setattr(speed.exact, "evaluate", evaluate)
    rows = run(["--part", "race", "--steps", "300"], tmp_path / "t.csv")
    assert tried == [75, 150] * 3
    assert [(row["value"], row["unit"]) for row in rows] == [("150", "steps")] * 3
    rows = run(["--part", "race", "--steps", "80"], tmp_path / "t.csv")
    assert all("not reached" in row["unit"] for row in rows)
