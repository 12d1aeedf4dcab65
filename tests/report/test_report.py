"""The report as a file: it is valid, holds the data, escapes them and asks nobody for anything."""

import base64
import hashlib
import json
import math
import re
import shlex
from html.parser import HTMLParser

import numpy as np
import pytest

import pyhopper
from pyhopper.cli import main
from pyhopper.report import write
from pyhopper.report.copies import copies
from pyhopper.testing import FakeClock

LONG = "x" * 10_000
HOSTILE = (
    "</script><script>alert(1)</script>",
    "\"quoted\" 'twice' & <b>bold</b>",
    "\N{PILE OF POO}\u202e\u2028\u2029\x00\ud800",
    "{{data}} {{library}} \\1 {a|b}",
    LONG,
)
VOID = {"meta", "link", "br", "input"}


class Page(HTMLParser):
    """Scripts and tags of a page; an end tag that fits no open one is an error."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.scripts, self.tags, self.open = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("script", "style"):
            self.scripts.append([dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            self.scripts[-1][1] += data


def read(path):
    text = path.read_bytes().decode("utf-8")
    page = Page(text)
    found = {a["id"]: data for a, data in page.scripts if "id" in a}
    return text, page, json.loads(found["data"])


def column(search, name):
    found = next(each for each in search["columns"] if each["name"] == name)
    if found["kind"] == "number":
        return found["values"]
    return [None if v is None else found["options"][v] for v in found["values"]]


def a_search(path=None, seed=1, steps=40, direction="max"):
    """A search with conditional parameters, arrays, failures, pruned ones and metrics."""
    clock = FakeClock()
    search = pyhopper.Search(
        {
            "lr": pyhopper.float(1e-5, 1e-1, log=True),
            "model": pyhopper.choice(
                {"kind": "net", "depth": pyhopper.int(1, 6)}, {"kind": "linear"}
            ),
            "w": pyhopper.float(-1, 1, shape=(3,)),
        },
        seed=seed,
        clock=clock,
    )

    def objective(params):
        if params["lr"] > 0.02:
            raise MemoryError("out of memory\nat the <second> line")
        value = -((math.log10(params["lr"]) + 3) ** 2) - float(np.sum(params["w"] ** 2))
        for step in range(1, 4):
            clock.advance(10)
            yield {"value": value * (2 - 0.5**step), "step": step}

    pruner = pyhopper.pruners.QuantilePruner(0.5)
    search.run(objective, direction, steps=steps, quiet=True, pruner=pruner, checkpoint_path=path)
    return search


def test_the_data_are_those_of_the_search(tmp_path):
    """Every evaluation with all its values, the same from memory and from the checkpoint."""
    search = a_search(tmp_path / "run.ckpt")
    search.report(tmp_path / "memory.html")
    write(tmp_path / "run.ckpt", tmp_path / "file.html")
    _, _, memory = read(tmp_path / "memory.html")
    _, _, file = read(tmp_path / "file.html")
    told = search.history.evaluations
    assert {each.status.value for each in told} >= {"done", "failed", "pruned"}
    for data in (memory["searches"][0], file["searches"][0]):
        assert column(data, "id") == [each.id for each in told]
        assert column(data, "status") == [each.status.value for each in told]
        values = [math.nan if each is None else each for each in column(data, "value")]
        assert values == pytest.approx([each.value for each in told], rel=1e-9, nan_ok=True)
        assert column(data, "lr") == pytest.approx([e.params["lr"] for e in told], rel=1e-9)
        depths = [each.params["model"].get("depth") for each in told]
        assert column(data, "model.depth") == depths
        assert data["best"]["value"] == search.best_f
        assert data["counts"]["failed"] == sum(e.status == "failed" for e in told)
        failed = next(row for row, each in enumerate(told) if each.status == "failed")
        details = data["details"][data["detailsOf"][str(failed)]]
        assert "at the <second> line" in details
        assert "Traceback" in details
    differing = ("written", "version", "title")
    for each in (memory, file):
        for name in differing:
            each.pop(name, None)
            each["searches"][0].pop(name, None)
    assert memory["searches"][0]["columns"] == file["searches"][0]["columns"]
    assert memory["searches"][0]["bill"] == file["searches"][0]["bill"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_stay_data(tmp_path, text):
    """Names, options, reasons and metrics end no element, and come back as they were."""
    search = pyhopper.Search({text: pyhopper.choice("a", text), "x": pyhopper.float(0, 1)}, seed=1)

    def objective(params):
        if params["x"] < 0.3:
            raise ValueError(text)
        return {"value": params["x"], "said": text}

    search.run(objective, "max", steps=12, quiet=True)
    search.report(tmp_path / "report.html")
    raw, page, data = read(tmp_path / "report.html")
    assert [tag for tag, _ in page.tags].count("script") == 4
    assert not {"b", "img", "iframe"} & {tag for tag, _ in page.tags}
    found = data["searches"][0]
    assert text in [each["name"] for each in found["columns"]]
    said = {each for each in column(found, "said") if each}
    assert said == {text if len(text) <= 200 else f"{text[:200]}..."}
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', raw)[1]
    assert block.isascii()
    assert not set("<>&") & set(block)


def test_nothing_is_requested(tmp_path):
    """The policy allows what is in the page, by its hash, and no element names a place to load."""
    a_search(steps=5).report(tmp_path / "report.html")
    text, page, _ = read(tmp_path / "report.html")
    policy = next(a["content"] for tag, a in page.tags if "http-equiv" in a)
    allowed = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    assert "unsafe" not in policy
    for attributes, content in page.scripts:
        if attributes.get("type") != "application/json":
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
    for tag, attributes in page.tags:
        assert "style" not in attributes, tag
        assert not any(name.startswith("on") for name in attributes), tag
        places = [attributes[name] for name in ("src", "href", "action") if name in attributes]
        assert all(place.startswith(("#", "data:")) for place in places), places
    style = next(content for attributes, content in page.scripts if not attributes)
    assert "url(" not in style
    assert "@import" not in style
    assert len(text) < 3_000_000


@pytest.mark.parametrize(
    "params",
    [
        {"lr": 1e-05, "opt": "adam", "layers": [1, 2], "deep": {"on": True, "x": None, "y": {}}},
        {"no": "yes", "a b": "it's", "e": "1e-5", "n": -0.5, "big": 10**30, "f": 1e30, "s": ""},
        {"t": "\N{PILE OF POO} \x85\x7f\n\t'\"\\ # : - [", "list": [[1], {"a": [2, {"b": 3}]}]},
        {"array": np.array([[0.1, 0.2], [1e-7, 3.0]]), "tuple": (1, "x"), "inf": math.inf},
    ],
)
def test_copies_mean_the_same(params):
    """Python, JSON, YAML and flags of a candidate read as the candidate."""
    yaml = pytest.importorskip("yaml")
    made = copies(params)
    plain = json.loads(made["JSON"])
    assert eval(made["Python"], {"inf": math.inf}) == plain
    assert yaml.safe_load(made["YAML"]) == plain
    words = shlex.split(made["Flags"])
    assert all(word.startswith("--") and "=" in word for word in words)
    first = next(iter(params))
    assert any(word.startswith(f"--{first}") for word in words)


def test_several_searches(tmp_path):
    """Seeds of one space have a band; the directions must agree."""
    for seed in (1, 2, 3):
        a_search(tmp_path / f"{seed}.ckpt", seed=seed)
    paths = [str(tmp_path / f"{seed}.ckpt") for seed in (1, 2, 3)]
    assert main(["report", *paths, "-o", str(tmp_path / "all.html")]) == 0
    _, _, data = read(tmp_path / "all.html")
    assert [each["title"] for each in data["searches"]] == ["1", "2", "3"]
    assert data["compared"]["alike"] == [0, 0, 0]
    [[first, count, points]] = data["compared"]["steps"]["bands"]
    assert (first, count) == (0, 3)
    bests = [each["best"]["value"] for each in data["searches"]]
    _, mean, low, high = points[-1]
    assert [low, high] == pytest.approx([min(bests), max(bests)])
    assert mean == pytest.approx(sum(bests) / 3)
    other = a_search(direction="min")
    with pytest.raises(pyhopper.ArgumentError, match="directions"):
        write([paths[0], other], tmp_path / "both.html")


@pytest.mark.parametrize("kind", ["empty", "failures", "one", "constant", "forgotten"])
def test_odd_searches(tmp_path, kind):
    """A search about which there is little to tell has a report all the same."""
    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)

    def objective(params):
        if kind == "failures" and search.history.evaluations:
            raise ValueError("never")
        return 1.0

    if kind == "failures":
        search.add({"x": 0.5}, math.nan)
    if kind != "empty":
        steps = 1 if kind == "one" else 10
        try:
            keep = kind != "forgotten"
            search.run(objective, "min", steps=steps, quiet=True, keep_history=keep)
        except pyhopper.SearchFailedError:
            assert kind == "failures"
    search.report(tmp_path / "report.html")
    _, _, data = read(tmp_path / "report.html")
    assert data["searches"][0]["rows"] == len(search.history.evaluations)
    assert bool(data["searches"][0]["best"]) == (kind not in ("empty", "failures"))


def test_the_callback_writes_while_the_search_runs(tmp_path):
    """A reader finds a whole page at any time, and in the end one that no longer loads itself."""
    path, seen = tmp_path / "report.html", []

    def objective(params):
        seen.append(read(path)[2])
        return params["x"]

    search = pyhopper.Search(x=pyhopper.float(0, 1), seed=1)
    callback = pyhopper.callbacks.Report(path, every=1e-6)
    search.run(objective, "max", steps=6, quiet=True, callbacks=callback)
    rows = [data["searches"][0]["rows"] for data in seen]
    assert rows[0] == 0
    assert rows == sorted(rows)
    assert {data["refresh"] for data in seen} == {1e-6}
    last = read(path)[2]
    assert last["refresh"] is None
    assert last["searches"][0]["rows"] == 6
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_what_makes_no_sense(tmp_path, capsys):
    search = pyhopper.Search(x=pyhopper.float(0, 1))
    with pytest.raises(pyhopper.ArgumentError, match="is a folder"):
        search.report(tmp_path)
    with pytest.raises(pyhopper.ArgumentError, match="is a folder"):
        pyhopper.callbacks.Report(tmp_path)
    with pytest.raises(pyhopper.ArgumentError, match="every"):
        pyhopper.callbacks.Report(tmp_path / "a.html", every="often")
    with pytest.raises(pyhopper.ArgumentError, match="at least one"):
        write([], tmp_path / "a.html")
    with pytest.raises(pyhopper.ArgumentError, match="source"):
        write(7, tmp_path / "a.html")
    assert main(["report", str(tmp_path / "none.ckpt")]) == 1
    assert "none.ckpt" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_library_is_the_released_one():
    """So that anybody can compare it with Apache ECharts 6.1.0 from npm."""
    from importlib import resources

    folder = resources.files("pyhopper.report") / "data" / "echarts"
    digest = hashlib.sha256((folder / "echarts.min.js").read_bytes()).hexdigest()
    assert digest == "b66b25aeb4df84e33199dc21694014d336d222cbd9deb0e5a7c14bd6aa0d0fd0"
    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert "Apache Software Foundation" in (folder / "NOTICE").read_text(encoding="utf-8")


def test_several_objectives(tmp_path):
    """The front with its compromise, and where all evaluations lie; no front with one objective."""

    def train(params):
        x = params["x"]
        return {"accuracy": x, "latency": x**2, "memory": 10 * x}

    search = pyhopper.Search(x=pyhopper.int(0, 50), seed=1)
    directions = {"accuracy": "max", "latency": "min"}
    search.run(train, directions, steps=30, limits={"memory": 300}, quiet=True)
    path = tmp_path / "report.html"
    search.report(path)
    (found,) = read(path)[2]["searches"]
    front = found["front"]
    assert front["names"] == ["accuracy", "latency"]
    assert [each[0] for each in front["entries"]] == [each.id for each in search.front]
    assert front["knee"] == found["best"]["id"]
    assert len(front["all"]) == 30
    assert "memory <= 300" in front["objectives"]

    single = pyhopper.Search(x=pyhopper.int(0, 50), seed=1)
    single.run(lambda p: p["x"], steps=5, quiet=True)
    single.report(path)
    assert read(path)[2]["searches"][0]["front"] is None
