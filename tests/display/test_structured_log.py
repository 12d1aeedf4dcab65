"""The facts that a record of the log has, for logs that programs read."""

import logging

import pyhopper


def test_facts(caplog):
    """Every candidate, however it ended, with values as they are."""

    def objective(params):
        if params["x"] > 0.8:
            raise ValueError("too large")
        return {"value": params["x"], "half": params["x"] / 2}

    search = pyhopper.Search(x=pyhopper.float(0, 1, "0.1f"), seed=1)
    search += {"x": 0.2}
    search += {"x": 0.9}
    search += {"x": 0.4}
    with caplog.at_level(logging.INFO, "pyhopper"):
        search.run(objective, "max", steps=3, quiet=True)
    facts = [record.candidate for record in caplog.records]
    assert [each["id"] for each in facts] == [0, 1, 2]
    assert [each["status"] for each in facts] == ["done", "failed", "done"]
    assert [each["is_best"] for each in facts] == [True, False, True]
    assert facts[2]["params"] == {"x": 0.4}
    assert facts[2]["value"] == 0.4
    assert facts[2]["metrics"] == {"half": 0.2}
    assert facts[1]["reason"] == "ValueError: too large"
    assert all(each["seconds"] >= 0 and each["type"] == "manual" for each in facts)
