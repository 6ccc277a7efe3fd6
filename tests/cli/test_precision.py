"""Weights in fewer bits: what it costs in quality, what is refused."""

from conftest import run

TEXT = (
    "Once upon a time there was a poor miller who had a beautiful daughter. One day the king came by, and the miller, "
    "who wished to seem important, told him that his daughter could spin gold out of straw. The king said to him, "
    "'That is an art which pleases me well; bring her to my palace to-morrow, and I will see what she can do.'"
)


def perplexity(bits):
    return run("eval", "--text", TEXT, "--bits", bits, "--json").json["perplexity"]


def test_fewer_bits_cost_little():
    full = perplexity("32")
    assert abs(perplexity("16") / full - 1) < 0.002
    assert abs(perplexity("8") / full - 1) < 0.005
    assert abs(perplexity("4") / full - 1) < 0.05


def test_the_text_does_not_depend_on_threads():
    for bits in ("8", "4"):
        texts = {
            run("generate", "--prompt", TEXT, "--bits", bits, "--seed", "3", "--threads", threads).out
            for threads in ("1", "2")
        }
        assert len(texts) == 1 and texts != {""}, bits


def test_fewer_bits_take_less_memory():
    sizes = [
        run("bench", "--prompt-tokens", "8", "--gen-tokens", "4", "--bits", bits, "--json").json["weight_bytes"]
        for bits in ("32", "16", "8", "4")
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[3] < sizes[1] / 3
