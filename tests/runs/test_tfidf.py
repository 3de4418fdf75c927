"""Captions as TF-IDF: a regularised logistic regression, and fusions with images."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

import kmlc
from kmlc.settings import config_from_flags
from kmlc.training.restore import restore
from kmlc.training.run_directory import RunDirectory
from kmlc.training.train import train
from tests.helpers import ROOT, TINY, run_command

LINEAR = ["--tower.name=none", "--captions.encoder=tfidf", "--fusion.hidden_dim=0", "--fusion.l2=0.0001"]


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    flags = [*TINY, *LINEAR, f"--data={data}", f"--run={tmp_path_factory.mktemp('tfidf') / 'run'}"]
    return train(config_from_flags([*flags, "--train.precision=float32", "--captions.vocabulary_size=8"]))


def test_predictions_are_those_of_a_linear_model_of_scikit_learns_tfidf(run: RunDirectory) -> None:
    """Whatever a caption is like: without known terms, empty, very long."""
    captions = ["A dog, seen from afar.", "a car", "你好", "😀", "", "dog " * 10_000, "zebra dog dog"]
    state = restore(run).state
    assert len(state.terms) == 8
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, vocabulary=list(state.terms))
    vectorizer.idf_ = np.array(state.idf)
    kernel, bias = restore(run).model.get_weights()
    logits = vectorizer.transform(captions) @ kernel + bias
    table = kmlc.load(run.path).predict(None, captions)
    found = table[[name for name in table if table[name].dtype.kind == "f"]].to_numpy()
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), atol=1e-5)
    np.testing.assert_allclose(found[2:5], found[[2, 2, 2]])


@pytest.mark.slow
@pytest.mark.parametrize("fusion", ["concat", "join", "gated", "late"])
def test_commands_train_and_predict_with_terms(fusion: str, data: Path, tmp_path: Path) -> None:
    flags = [*TINY, "--tower.name=simple_cnn", "--captions.encoder=tfidf", f"--fusion.name={fusion}"]
    done = run_command(tmp_path, str(ROOT / "train.py"), *flags, f"--data={data}", "--run=run")
    assert done.returncode == 0, done.stderr
    for options in ([], ["--without", "captions"], ["--without", "images"]):
        done = run_command(tmp_path, str(ROOT / "predict.py"), "--run", "run", "--out", "s.csv", *options)
        assert done.returncode == 0, done.stderr
        assert len((tmp_path / "s.csv").read_text().splitlines()) == 8


@pytest.mark.slow
def test_a_finished_linear_model_is_a_branch_of_late_fusion(
    run: RunDirectory, data: Path, tmp_path: Path
) -> None:
    flags = [*TINY, *LINEAR, "--tower.name=simple_cnn", "--fusion.name=late", f"--data={data}"]
    flags += ["--captions.vocabulary_size=8", f"--fusion.caption_run={run.path}"]
    late = restore(train(config_from_flags([*flags, f"--run={tmp_path / 'late'}"])))
    assert late.state == restore(run).state
    head = late.model.get_layer("caption_head").get_weights()
    for mine, theirs in zip(head, restore(run).model.get_layer("head").get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
