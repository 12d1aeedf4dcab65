"""A Transformer that tells whether a sentence from a movie review is positive.

The PyHopper paper (arXiv:2210.04728, Table 2) trains it on IMDB. Here it is trained on 10,605
single sentences, each with the mean rating of 20 people (the movie reviews that come with VADER,
Hutto & Gilbert 2014, MIT licence); the sign of the rating is the class. A tenth of the sentences is
for validation. The value is the share of wrong answers.
"""

import functools
import gzip
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from tools import Log, OneOf, Space, Step

DATA = "movie_reviews.tsv.gz"
MEASURE = "validation error"
PAPER = {"optuna": 0.1253, "hyperopt": 0.5, "ray": 0.1254, "pyhopper": 0.1202}
WORDS = 24
BATCH = 64
VOCABULARY = 5000

SCALES: dict[str, dict[str, Any]] = {
    "paper": {"epochs": 20, "sentences": 10605, "heads": 4, "dim": 16, "layers": 2},
    "two-cores": {"epochs": 3, "sentences": 2500, "heads": 2, "dim": 2, "layers": 1},
    "try-out": {"epochs": 1, "sentences": 200, "heads": 2, "dim": 2, "layers": 1},
}
"""The least number of heads, numbers per head and layers; the largest are two, eight and three
times that."""


def space(scale: dict[str, Any]) -> Space:
    """That of the paper's Table 2."""
    heads, dim, layers = scale["heads"], scale["dim"], scale["layers"]
    return {
        "lr": Log(1e-4, 1e-2),
        "decay": Step(0.2, 1.0, 0.1),
        "warmup": Step(100, 1000, 100),
        "decay_every": OneOf((5, 10), is_ordered=True),
        "heads": Step(heads, 2 * heads, 1),
        "dim": Step(dim, 8 * dim, dim),
        "feedforward": Step(4 * dim, 32 * dim, 4 * dim),
        "weight_decay": Log(1e-6, 1e-4),
        "dropout": Step(0.0, 0.3, 0.1),
        "layers": Step(layers, 3 * layers, 1),
        "norm_embedding": OneOf((False, True)),
        "embedding_dropout": Step(0.0, 0.3, 0.1),
    }


@functools.lru_cache(maxsize=1)
def load(path: Path, sentences: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of words, 0 after the end; and whether each sentence is positive."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    np.random.RandomState(125487).shuffle(rows)
    texts = [re.findall(r"[a-z']+", text.lower())[:WORDS] for _, text in rows[:sentences]]
    known = Counter(word for text in texts for word in text).most_common(VOCABULARY - 2)
    numbers = {word: number for number, (word, _) in enumerate(known, 2)}
    x = np.zeros((len(texts), WORDS), dtype=np.int64)
    for row, text in zip(x, texts, strict=True):
        row[: len(text)] = [numbers.get(word, 1) for word in text]
    x[:, 0] = np.maximum(x[:, 0], 1)  # a sentence without known words has one, which says nothing
    return x, np.array([float(rating) > 0 for rating, _ in rows[:sentences]], dtype=np.float32)


def train(params: dict[str, Any], path: Path, scale: dict[str, Any]) -> float:
    """Train a Transformer; its share of wrong answers on the sentences for validation."""
    import torch
    from torch import nn

    torch.set_num_threads(1)  # one core a slot, for every tool
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    x, y = (torch.from_numpy(a).to(device) for a in load(path, scale["sentences"]))
    valid = len(x) // 10
    size = params["heads"] * params["dim"]

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(VOCABULARY, size, padding_idx=0)
            self.places = nn.Parameter(torch.randn(WORDS, size) * 0.02)
            self.norm = nn.LayerNorm(size) if params["norm_embedding"] else nn.Identity()
            self.drop = nn.Dropout(params["embedding_dropout"])
            layer = nn.TransformerEncoderLayer(
                size, params["heads"], params["feedforward"], params["dropout"], batch_first=True
            )
            self.encoder = nn.TransformerEncoder(
                layer, params["layers"], enable_nested_tensor=False
            )
            self.head = nn.Linear(size, 1)

        def forward(self, words: torch.Tensor) -> torch.Tensor:
            is_padding = words == 0
            embedded = self.drop(self.norm(self.words(words) + self.places))
            states = self.encoder(embedded, src_key_padding_mask=is_padding)
            kept = (~is_padding).unsqueeze(-1)
            return self.head((states * kept).sum(1) / kept.sum(1)).squeeze(-1)

    model = Classifier().to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=params["lr"], weight_decay=params["weight_decay"]
    )
    batches = math.ceil((len(x) - valid) / BATCH)
    shorter = scale["epochs"] / SCALES["paper"]["epochs"]
    warmup = max(1.0, params["warmup"] * shorter * batches / 300)
    every = max(1, round(params["decay_every"] * shorter))
    step = 0
    for epoch in range(scale["epochs"]):
        model.train()
        for rows in (torch.randperm(len(x) - valid) + valid).split(BATCH):
            step += 1
            rate = params["lr"] * min(1.0, step / warmup) * params["decay"] ** (epoch // every)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = nn.functional.binary_cross_entropy_with_logits(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = [
            ((model(a) > 0) == (b > 0)).sum().item()
            for a, b in zip(x[:valid].split(256), y[:valid].split(256), strict=True)
        ]
    return 1 - sum(right) / valid
