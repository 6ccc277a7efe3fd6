"""What notebooks show, pictures, and embeddings."""

import re

import numpy as np
import pytest
import skald


def test_tokens_in_the_colour_of_their_probability(lm):
    result = lm.generate("Once upon a time", max_tokens=12, seed=1, logprobs=0)
    shown = result.probabilities()
    assert "".join(text for text, _ in shown) == result["text"]
    assert [p for _, p in shown] == pytest.approx([np.exp(entry["logprob"]) for entry in result["logprobs"]])
    html = result._repr_html_()
    assert html.count("<span") == 12 and f'title="{shown[0][1]:.1%}"' in html
    assert re.sub("<[^>]*>", "", html) == result["text"].replace('"', "&quot;").replace("'", "&#x27;")


def test_without_probabilities_the_text_shows(lm):
    result = lm.generate("Once upon a time", max_tokens=12, seed=1)
    assert "span" not in result._repr_html_() and result["text"].strip()[:5] in result._repr_html_()
    with pytest.raises(ValueError, match="logprobs=0"):
        result.probabilities()


def test_nothing_in_a_text_is_markup():
    assert "<b>" not in skald.display.coloured([("<b>", 0.5)]) + skald.display.plain("<b>")


def test_a_character_of_several_tokens_stands_at_its_last(lm):
    ids = lm.encode("a 😀 b", add_special_tokens=False)
    pieces = skald.display.pieces(lm.model.tokenizer, ids)
    assert "".join(pieces) == "a 😀 b" and "\ufffd" not in "".join(pieces) and "" in pieces


class Axes:
    """Notes what is drawn."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *arguments, **_: self.calls.append((name, arguments))


def test_pictures(lm):
    axes = Axes()
    session = lm.session("Once upon a time", top_k=2, top_p=1)
    assert skald.plot.next_tokens(session, 4, ax=axes) is axes
    bars = [list(arguments[1]) for name, arguments in axes.calls if name == "barh"]
    assert [len(each) for each in bars] == [4, 4] and sum(p > 0 for p in bars[1]) == 2
    axes = Axes()
    skald.plot.token_probabilities(lm.generate("Once", max_tokens=3, logprobs=0), ax=axes)
    [heights] = [arguments[1] for name, arguments in axes.calls if name == "bar"]
    assert len(heights) == 3


def test_embeddings(lm):
    texts = ["The wolf ran into the forest.", "A wolf came out of the wood.", "Seven pence and a farthing"]
    vectors = lm.embed(texts)
    assert vectors.dtype == np.float32 and vectors.shape == (3, lm.model.info["hidden_size"])
    np.testing.assert_allclose((vectors**2).sum(1), 1, rtol=1e-5)
    assert (vectors[1] == lm.embed(texts[1])).all()
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert (lm.embed(lm.encode(texts[0])) == vectors[0]).all()
    raw = lm.embed(texts[0], normalize=False, pooling="last", layer=2)
    assert (raw != vectors[0]).any() and abs((raw**2).sum() - 1) > 0.1
    with pytest.raises(skald.OptionError, match="mean, last or first"):
        lm.embed("x", pooling="max")
    with pytest.raises(skald.OptionError, match="layer"):
        lm.embed("x", layer=-1)
    with pytest.raises(skald.OptionError, match="empty"):
        lm.embed(["x", ""])
