"""The float32 model in numpy: the oracle for the Rust program's own float path. Imported by minilm.py.

all-MiniLM-L6-v2 is a BERT encoder (Devlin et al., 2019): embeddings, six layers of self-attention and feed-forward network,
each followed by a residual addition and a layer normalisation; the sentence embedding is the mean over tokens, normalised.
"""

import math

import numpy as np

LAYERS = 6
HEADS = 12
EPSILON = np.float32(1e-12)  # layer_norm_eps of the model's config.json


def encode(weights: dict[str, np.ndarray], token_ids: list[int], layers: int = LAYERS) -> np.ndarray:
    """Hidden states [tokens, 384] of one sentence after `layers` layers."""
    embedding = "embeddings.{}_embeddings.weight".format
    hidden = weights[embedding("word")][token_ids] + weights[embedding("token_type")][0]
    hidden = hidden + weights[embedding("position")][: len(token_ids)]
    hidden = layer_norm(hidden, weights, "embeddings.LayerNorm")
    for layer in range(layers):
        hidden = encoder_layer(hidden, weights, f"encoder.layer.{layer}")
    return hidden


def pool(hidden: np.ndarray) -> np.ndarray:
    """The mean over tokens, at length one."""
    mean = hidden.mean(axis=0)
    return mean / np.linalg.norm(mean)


def encoder_layer(hidden: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    query, key, value = (
        np.stack(np.split(linear(hidden, weights, f"{name}.attention.self.{part}"), HEADS, axis=1))
        for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / np.float32(math.sqrt(query.shape[2]))
    context = np.concatenate(list(softmax(scores) @ value), axis=1)
    attended = linear(context, weights, f"{name}.attention.output.dense")
    hidden = layer_norm(hidden + attended, weights, f"{name}.attention.output.LayerNorm")
    inner = gelu(linear(hidden, weights, f"{name}.intermediate.dense"))
    return layer_norm(hidden + linear(inner, weights, f"{name}.output.dense"), weights, f"{name}.output.LayerNorm")


def linear(x: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def layer_norm(x: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    centred = x - x.mean(axis=1, keepdims=True)
    variance = (centred * centred).mean(axis=1, keepdims=True)
    return centred / np.sqrt(variance + EPSILON) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def gelu(x: np.ndarray) -> np.ndarray:
    erf = np.frompyfunc(math.erf, 1, 1)(x / np.float32(math.sqrt(2))).astype(np.float32)
    return x * np.float32(0.5) * (np.float32(1) + erf)
