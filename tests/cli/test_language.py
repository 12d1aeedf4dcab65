"""The grammar for parameters, the words of a command, files and constraints: what they mean."""

import json
import pickle
import random

import numpy as np
import pytest

import pyhopper
from pyhopper.cli.command import Command, as_file
from pyhopper.cli.constraints import Constraint
from pyhopper.cli.grammar import parse
from pyhopper.cli.spacefile import read_space
from pyhopper.cli.template import write_template
from pyhopper.cli.values import Reader, Source
from pyhopper.cli.words import filled, names_of, parse_words, variables
from pyhopper.errors import ArgumentError, CommandError

EXPRESSIONS = [
    ('float(1e-5, 1e-1, "0.1g")', pyhopper.float(1e-5, 1e-1, "0.1g")),
    ("int(16, 512, power_of=2, init=64)", pyhopper.int(16, 512, power_of=2, init=64)),
    ("pyhopper.int(lb=1, ub=4)", pyhopper.int(1, 4)),
    ("float(0, 1, shape=[2, 3])", pyhopper.float(0, 1, shape=(2, 3))),
    ("choice(1, 10, is_ordinal=true)", pyhopper.choice(1, 10, is_ordinal=True)),
    ("choice(['a', \"b\\n\"])", pyhopper.choice("a", "b\n")),
    ("bool(True)", pyhopper.bool(True)),
    ("list(int(1, 9), 1, 4)", pyhopper.list(pyhopper.int(1, 9), 1, 4)),
    (
        'choice(none, {"name": "sgd", "m": choice(0, float(0, 1))})',
        pyhopper.choice(None, {"name": "sgd", "m": pyhopper.choice(0, pyhopper.float(0, 1))}),
    ),
]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS)
def test_an_expression_is_the_parameter_of_python(text, expected):
    found = parse(text, "here")
    assert repr(found) == repr(expected)
    of = [pyhopper.Search(p=each)._log.space.fingerprint() for each in (found, expected)]
    assert of[0] == of[1]


def test_distributions():
    pytest.importorskip("scipy")
    draws = [parse("normal(3, 2)", "").sample(np.random.default_rng(n)) for n in range(400)]
    # Six standard deviations: a false alarm in 2e-9 of all changes of the seeds.
    assert abs(np.mean(draws) - 3) < 6 * 2 / 20
    assert parse("lognormal(-7, 1)", "").start(None) == pytest.approx(np.exp(-7))


def test_nothing_but_errors_of_our_own():
    """Random texts of what the grammar is made of; 2,000 are read in a fraction of a second."""
    draw = random.Random(1)
    pieces = ["float", "choice", "list", "(", ")", "[", "]", "{", "}", ",", "=", ":", "1", "-2.5"]
    pieces += ["'a'", '"', "init", "\\", " ", "true", "é", "1e400", "\0"]
    good = 0
    for _ in range(2000):
        text = "".join(draw.choices(pieces, k=draw.randrange(1, 12)))
        try:
            parse(text, "here")
            good += 1
        except ArgumentError as error:
            assert "here" in str(error)
    assert good > 20  # the control


def test_words():
    text = ["./a", "--lr", "float(0,1)", "--amp", "switch()", "m.k=int(0,3)", "-x", "\\int(y)"]
    parsed = parse_words([*text, "--layers", "list(int(1,9),1,3)", "{{lr}}", "${HOME}"], [])
    assert list(dict.fromkeys(names_of(parsed.template))) == ["lr", "amp", "m", "m.k", "layers"]
    params = {"lr": 0.5, "amp": True, "m": {"k": 2}, "layers": [3, 4]}
    words = ["./a", "--lr", "0.5", "--amp", "m.k=2", "-x", "int(y)", "--layers", "3", "4"]
    assert filled(parsed.words, params, str) == [*words, "{lr}", "${HOME}"]
    params.update(amp=False, lr=None, layers=[])
    words = ["./a", "m.k=2", "-x", "int(y)", "--layers"]
    assert filled(parsed.words, params, str) == [*words, "{lr}", "${HOME}"]


def test_names_and_texts():
    parsed = parse_words(["p", "int(0,1)", "--n-a", "int(0,1)", "int(0,1)"], [])
    assert list(parsed.template) == ["arg1", "n_a", "n_a_2"]
    given = {"a": [1, 2], "b": {"c": True}, "d": None, "e": {"f": [[1]]}, "s": "x y"}
    assert filled(["{a}", "--a={a}", "{b}", "{d}", "{e.f}", "{s}"], given, str) == [
        *["1", "2", "--a=1,2", '{"c": true}', "[[1]]", "x y"]
    ]
    assert variables(given) == {
        "PYHOPPER_PARAM_A": "[1, 2]",
        "PYHOPPER_PARAM_B_C": "true",
        "PYHOPPER_PARAM_E_F": "[[1]]",
        "PYHOPPER_PARAM_S": "x y",
    }


def test_files_for_the_command():
    given = {"a": 1e-05, "b": {"c": [True, "x\n"], "d": None}, "e": {}}
    assert json.loads(as_file(".json", given)) == given
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(as_file(".yaml", given)) == given
    tomllib = pytest.importorskip("tomllib")
    without = {"a": 1e-05, "b": {"c": [True, "x\n"]}, "e": {}}
    assert tomllib.loads(as_file(".toml", given)) == without


@pytest.mark.parametrize("suffix", ["yaml", "toml", "json"])
def test_the_template_can_be_searched(suffix, tmp_path):
    if suffix == "yaml":
        pytest.importorskip("yaml")
        pytest.importorskip("scipy")
    if suffix == "toml":
        pytest.importorskip("tomllib")
    path = tmp_path / f"space.{suffix}"
    write_template(str(path))
    with pytest.raises(ArgumentError, match="already"):
        write_template(str(path))
    remarks = []
    space = read_space(str(path), remarks)
    assert remarks == []
    search = pyhopper.Search(space.template, seed=1)
    names = list(names_of(space.template))
    rules = [Constraint(text, "here", names) for text in space.constraints]
    for rule in rules:
        search.constrain(rule)
    for guess in space.guesses:
        search += guess
    best = search.run(lambda p: p["batch_size"] * p["model"]["depth"], steps=40, quiet=True)
    assert best["batch_size"] * best["model"]["depth"] <= 1024
    assert search.history.evaluations[0].params["lr"] == 0.002
    names = {each.params["optimizer"]["name"] for each in search.history.evaluations}
    assert names == {"adam", "sgd"}


def test_numbers_and_texts_in_yaml(tmp_path):
    """1e-5 is a number, although it has no dot; 1e5abc is text."""
    pytest.importorskip("yaml")
    path = tmp_path / "space.yaml"
    path.write_text("parameters: {low: 1e-5, high: 2.5E+3, tag: 1e5abc, lr: 'float(0, 1)'}")
    template = read_space(str(path), []).template
    assert (template["low"], template["high"], template["tag"]) == (1e-5, 2500.0, "1e5abc")


CONSTRAINTS = [
    ("a < 2 and b == 'x'", True),
    ("not (a + 1 > 1.5) or b in ['y', 'z']", False),
    ("2 ** a <= -a * (3 // 2) % 5 + 9", True),
    ("0 < a <= 1 < c.d", True),
    ("max(c.d, 4) == 4 and len(c.l) == sum(c.l)", False),
    ("c.missing > 3", True),
    ("flag", True),
]


@pytest.mark.parametrize(("text", "expected"), CONSTRAINTS)
def test_constraints(text, expected):
    """What a candidate does not have forbids nothing."""
    params = {"a": 1, "b": "x", "c": {"d": 3, "l": [1, 2]}, "flag": True}
    rule = Constraint(text, "here", [*names_of(params), "c.missing"])
    assert rule(params) is expected
    assert pickle.loads(pickle.dumps(rule))(params) is expected


@pytest.mark.parametrize("text", ["9**9**9**9 > 1", "b * 3 > 1", "b < 1", "a / 0 > 1"])
def test_constraints_without_an_answer(text):
    with pytest.raises(ArgumentError, match="cannot be evaluated"):
        Constraint(text, "here", ["a", "b"])({"a": 1, "b": "x"})


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--3d", "_3d"),
        ("-1", "_1"),
        ("--größe", "größe"),
        ("+model/encoder@x", "model_encoder_x"),
        ("layers[0].size", "layers_0_.size"),
        ("--n-a_", "n_a_"),
        ("--config", "config_2"),
    ],
)
def test_any_flag_may_have_a_parameter(flag, name):
    """Its value takes the place of the expression, under a name that placeholders can have."""
    words, template = parse_words(["p", f"{flag}=choice(3)"], [])
    assert words == ("p", f"{flag}={{{name}}}")
    assert list(names_of(template))[-1] == name
    assert filled(words, pyhopper.Search(template).ask("max").params, str) == ["p", f"{flag}=3"]
    if flag.startswith("-"):
        assert parse_words(["p", flag, "choice(3)"], []).words == ("p", flag, f"{{{name}}}")


def values(source, *lines):
    reader = Reader(source)
    return [e for line in lines for e in reader.estimates(line)], reader.result()


def test_values():
    assert values(Source(), "hello", "3", "4.5e-3", "done") == ([], 0.0045)
    assert values(Source(), '{"acc": 3}') == ([], 3)
    assert values(Source(), '{"value": 3, "loss": 1, "l": [1]}') == ([], {"value": 3, "loss": 1})
    assert values(Source("acc"), '{"step": 1, "acc": 2}', "7") == (
        [{"step": 1, "value": 2}],
        {"step": 1, "value": 2},
    )
    assert values(Source(), "{", '  "value": 4,', '  "l": {', '    "x": "}"', "  }", "}") == ([], 4)
    assert values(Source(), "{not json", "5") == ([], 5)
    assert values(Source("", r"acc=(\S+)"), "acc=1 acc=2", "x", "acc=0.5 ok") == (
        [1, 2, 0.5],
        0.5,
    )
    assert values(Source("", r"acc=([0-9.]+)|^(\d+)$"), "acc=0.5.", "7") == ([0.5, 7], 7)
    assert np.isnan(values(Source(), "nan")[1])


@pytest.mark.parametrize(
    ("source", "lines", "problem"),
    [
        (Source(), ["hello"], "printed no line that is a number or a JSON object"),
        (Source("acc"), ["5"], 'no JSON object with the key "acc" (--value)'),
        (Source("acc"), ['{"acc": "high"}'], "\"acc\" is 'high', which is no number"),
        (Source(), ['{"a": 1, "b": 2}'], 'no key "value", it has a, b; --value KEY'),
        (Source("", "acc=(.*)"), ["loss=1"], "nothing in its output matches"),
        (Source("", "acc=(.*)"), ["acc=high"], "'high', which is no number"),
    ],
)
def test_missing_values_say_what_was_looked_for(source, lines, problem):
    with pytest.raises(CommandError) as error:
        values(source, *lines)
    assert problem in str(error.value)


def test_a_command_survives_its_checkpoint():
    command = Command(["a", "{x}"], Source("acc"), "/tmp", "/tmp/runs")
    again = Command.described(json.loads(json.dumps(command.pyhopper_command)))
    assert vars(again) == vars(command)
    for broken in (
        {},
        {"words": [1], "folder": ""},
        {"words": ["a"]},
        {"words": "a", "folder": ""},
    ):
        with pytest.raises(ArgumentError):
            Command.described(broken)
