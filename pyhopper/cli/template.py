"""Examples of files with parameters, with comments."""

from __future__ import annotations

import sys
from pathlib import Path

from pyhopper.cli.texts import complain
from pyhopper.errors import ArgumentError

_YAML = """\
# A space for `pyhopper run`. Try it without running anything:
#   pyhopper run {name} --max --steps 20 --dry-run -- echo --lr {{lr}} --config {{config}}

parameters:
  # Numbers; both bounds are included.
  lr: float(1e-5, 1e-1, "0.1g", init=0.01)   # loguniform with one significant digit
  dropout: float(0, 0.5, precision=2)        # 0.00, 0.01, ... 0.50
  batch_size: int(16, 512, power_of=2)
  weight_decay: choice(0, float(1e-6, 1e-2, log=true))

  # One of several options: {{optimizer.name}} in the command. An option may have parameters of
  # its own: those of other options do not exist then, and their placeholders and flags are left
  # out.
  optimizer:
    choice:
      - name: adam
      - name: sgd
        momentum: float(0, 0.99)

  # Nested: {{model.depth}} in the command, PYHOPPER_PARAM_MODEL_DEPTH in its environment.
  model:
    depth: int(1, 4)
    widths: list(int(8, 256, power_of=2), 1, 4)   # of varying length
    bias: bool(true)
    noise: normal(0, 1)                           # needs scipy; also lognormal, beta, gamma

  # Everything else is a constant.
  epochs: 20

# Candidates that break one of these are not run.
constraints:
  - batch_size * model.depth <= 1024
  - lr < 0.05 or optimizer.name == "adam"

# Tried first. What is missing comes from the best candidate so far.
guesses:
  - {{lr: 0.002, batch_size: 64}}
"""

_TOML = """\
# A space for `pyhopper run`. Try it without running anything:
#   pyhopper run {name} --max --steps 20 --dry-run -- echo --lr {{lr}} --config {{config}}

# Candidates that break one of these are not run.
constraints = ["batch_size * model.depth <= 1024"]

# Tried first. What is missing comes from the best candidate so far.
guesses = [{{ lr = 0.002, batch_size = 64 }}]

[parameters]
lr = 'float(1e-5, 1e-1, "0.1g", init=0.01)'   # loguniform with one significant digit
batch_size = "int(16, 512, power_of=2)"
optimizer = 'choice({{"name": "adam"}}, {{"name": "sgd", "momentum": float(0, 0.99)}})'
epochs = 20                                    # a constant

[parameters.model]                             # nested: {{model.depth}} in the command
depth = "int(1, 4)"
widths = "list(int(8, 256, power_of=2), 1, 4)"
"""

_JSON = """\
{{
  "parameters": {{
    "lr": "float(1e-5, 1e-1, '0.1g', init=0.01)",
    "batch_size": "int(16, 512, power_of=2)",
    "optimizer": {{
      "choice": [{{"name": "adam"}}, {{"name": "sgd", "momentum": "float(0, 0.99)"}}]
    }},
    "model": {{"depth": "int(1, 4)", "widths": "list(int(8, 256, power_of=2), 1, 4)"}},
    "epochs": 20
  }},
  "constraints": ["batch_size * model.depth <= 1024"],
  "guesses": [{{"lr": 0.002, "batch_size": 64}}]
}}
"""

_TEXTS = {".yaml": _YAML, ".yml": _YAML, ".toml": _TOML, ".json": _JSON}


def write_template(output: str) -> None:
    """Write an example to a new file, or to standard output for ``-``.

    Raises
    ------
    ArgumentError
        If there is such a file, or it cannot be written.
    """
    text = _YAML if output == "-" else _TEXTS.get(Path(output).suffix.lower())
    if text is None:
        raise ArgumentError("output", output, "", f"{output}: must end in .yaml, .toml or .json")
    text = text.format(name="space.yaml" if output == "-" else output)
    if output == "-":
        sys.stdout.write(text)
        return
    try:
        with Path(output).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        problem = f"{output}: there is such a file already; choose another name"
        raise ArgumentError("output", output, "", problem) from None
    except OSError as error:
        problem = f"{output}: cannot be written: {error.strerror}"
        raise ArgumentError("output", output, "", problem) from None
    complain(f"Wrote {output}")
