"""Text towers: from an encoded caption to an embedding. A new one is a file here and a line in `TOWERS`."""

from collections.abc import Callable

from kmlc.config import CaptionsConfig
from kmlc.data.encoder_state import EncoderState
from kmlc.models.branch import Inputs
from kmlc.models.terms import Embedding
from kmlc.models.text.bert import bert
from kmlc.models.text.ngrams import ngrams
from kmlc.models.text.tfidf import tfidf

TOWERS: dict[str, Callable[[CaptionsConfig, EncoderState], tuple[Inputs, Embedding]]] = {
    "bigram": ngrams(2),
    "trigram": ngrams(3),
    "tfidf": tfidf,
    "bert": bert,
}
"""By `captions.encoder`: functions from settings and encoder state to the inputs and the embedding."""
