"""TokenEncoder: texts -> token vectors, nothing cut."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer

from compositional_rerank._validation import check_backend, check_device, device_of
from compositional_rerank.backends.openvino import Graph, precision
from compositional_rerank.backends.precision import full_precision
from compositional_rerank.checkpoints.base_models import ModelFiles, is_default, sha256_of
from compositional_rerank.concurrency.turns import turn
from compositional_rerank.encoding.base import Task
from compositional_rerank.encoding.encoded_text import EncodedText
from compositional_rerank.encoding.modules import Modules, load_modules
from compositional_rerank.encoding.sentences import segment_table
from compositional_rerank.encoding.surrogates import without_surrogates
from compositional_rerank.encoding.windows import Window, batches_of, windows_of
from compositional_rerank.errors import CheckpointError

_BATCH_TOKENS = 4096  # padded tokens of a batch: about 50 MB of activations with MiniLM
_OPENVINO_BATCH_TOKENS = 1024  # faster with 8 passages of 128 tokens at a time than with 32


class _Hidden(torch.nn.Module):
    """The network, from token ids and mask, int64 ``[n, t]``, to its token vectors ``[n, t, h]``."""

    def __init__(self, modules: Modules) -> None:
        super().__init__()
        self.transformer = modules.transformer
        self.dense = torch.nn.ModuleList(modules.dense)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        features = self.transformer({"input_ids": input_ids, "attention_mask": attention_mask})
        for module in self.dense:
            features = module(features)
        hidden: torch.Tensor = features["token_embeddings"]
        return hidden


class TokenEncoder:
    """Encodes texts into L2-normalised token embeddings with an embedding or a late-interaction model.

    Of a late-interaction model (sentence-transformers' MultiVectorEncoder, PyLate, ColBERT) the projection,
    the markers and the list of tokens that are not scored are its own. A text longer than the checkpoint's
    window is read in windows that overlap by a quarter; each token's vector comes from the window in which it
    has more context. The query and document prompts of the checkpoint are read as context and not scored.
    Safe to share between threads.

    Args:
        files: the checkpoint, from `base_models.resolve`.
        device: torch device name; None or ``"auto"`` picks an accelerator where there is one.
        backend: ``"torch"``, in float32; or ``"openvino"``, on the CPU, in bfloat16 where it is native.
        projection: safetensors file with ``weight``, float ``[hidden, d]``, that the token vectors go through
            before they are normalised; None keeps them as they are. The pooled vector is never projected.

    Raises:
        CheckpointError: the checkpoint is no text encoder with a fast tokenizer, does with token vectors what
            is not understood, the projection does not fit it, or OpenVINO cannot run it.
        InputError: the device is not on this machine.
        MissingDependencyError: OpenVINO is not installed.

    Example:
        >>> from compositional_rerank.checkpoints.base_models import resolve
        >>> encoder = TokenEncoder(resolve("sentence-transformers/all-MiniLM-L6-v2"), device="cpu")
        >>> encoded = encoder.encode(["Rome is closer than Paris"], task="query")
        >>> encoded[0].vectors.shape
        torch.Size([5, 384])
    """

    ranks = True

    def __init__(
        self,
        files: ModelFiles,
        device: str | None = None,
        backend: str = "torch",
        projection: Path | None = None,
    ) -> None:
        self.backend = check_backend(backend, device)
        device = check_device(device)
        self.device = device_of(device, backend)
        modules = load_modules(files)
        transformer = modules.transformer
        self.pooling = modules.pooling
        self.shipped = is_default(files)
        fast = getattr(transformer.tokenizer, "backend_tokenizer", None)
        if fast is None:
            raise CheckpointError(
                f"{files.path} has no fast tokenizer (tokenizer.json), which token offsets need"
            )
        # A private copy without padding and truncation: changing them on a shared one breaks other threads.
        self._tokenizer = Tokenizer.from_str(fast.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._before, self._after = self._special_ids()
        self._pad_id = transformer.tokenizer.pad_token_id or 0
        self._prompts, self._skipped, self._fill = modules.prompts, modules.skipped, modules.fill
        self.max_tokens = modules.longest
        last = modules.dense[-1] if modules.dense else transformer
        self.pooled_dimension = self.dimension = int(last.get_embedding_dimension())  # type: ignore[operator]
        self._projection = None
        if projection is not None:
            self._projection = _read_projection(projection, self.pooled_dimension).to(self.device)
            self.dimension = self._projection.shape[1]
        numbers, self._batch_tokens = "float32", _BATCH_TOKENS
        if backend == "openvino":
            numbers, self._batch_tokens = f"openvino {precision()}", _OPENVINO_BATCH_TOKENS
            names = ["input_ids", "attention_mask"]
            key = f"encoder {files.fingerprint}"
            graph = Graph(key, names, lambda: _Hidden(load_modules(files, plain=False)))
            self._hidden: Callable[..., torch.Tensor] = graph.run
        else:
            self.transformer = transformer.to(self.device)
            self._hidden = _Hidden(modules).to(self.device)
        settings = (
            f"{files.fingerprint} window={self.max_tokens} prompts={sorted(self._prompts.items())} {numbers}"
        )
        settings += "" if projection is None else f" projection={sha256_of(projection)}"
        settings += "" if self.pooling == "mean" else f" pooling={self.pooling}"
        self.fingerprint = hashlib.sha256(settings.encode()).hexdigest()

    @full_precision
    def encode(self, texts: Sequence[str], *, task: Task, show_progress: bool = False) -> list[EncodedText]:
        """Encode texts, longest first, in batches of about equal length.

        Args:
            texts: any strings; a text without a token gives an empty ``[0, d]``.
            task: ``"query"`` or ``"document"``: which of the checkpoint's prompts to read first.
            show_progress: whether to draw a progress bar on stderr.

        Returns:
            One `EncodedText` per text, in their order.
        """
        readable = [without_surrogates(text) for text in texts]
        encodings = self._tokenizer.encode_batch(readable, add_special_tokens=False)
        prompt = self._prompts.get(task, "")
        prompt_ids = self._tokenizer.encode(prompt, add_special_tokens=False).ids if prompt else []
        before = [*self._before, *prompt_ids]
        room = self.max_tokens - len(before) - len(self._after)
        if room < 1:
            raise CheckpointError(
                f"the {task} prompt has {len(prompt_ids)} tokens and fills the model's window of "
                f"{self.max_tokens}: shorten it in config_sentence_transformers.json"
            )
        results = [
            torch.zeros(len(encoding.ids), self.dimension, dtype=torch.float32) for encoding in encodings
        ]
        sums = torch.zeros(len(encodings), self.pooled_dimension, dtype=torch.float32)
        windows = [
            window
            for index, encoding in enumerate(encodings)
            for window in windows_of(index, encoding.ids, room)
        ]
        windows.sort(key=lambda window: -len(window.ids))
        with _progress(len(windows), show_progress) as advance:
            fill = self._fill if task == "query" else None
            for batch in batches_of(windows, len(before) + len(self._after), self._batch_tokens):
                with turn():
                    forwarded = self._forward(batch, before, fill)
                for window, (vectors, total) in zip(batch, forwarded, strict=True):
                    first, last = window.keep
                    results[window.text][window.start + first : window.start + last] = vectors[first:last]
                    sums[window.text] += total
                advance(len(batch))
        pooled = torch.nn.functional.normalize(sums, dim=-1)
        found = []
        skipped = self._skipped.get(task, frozenset())
        for index, (text, vectors, encoding) in enumerate(zip(readable, results, encodings, strict=True)):
            offsets = encoding.offsets
            kept = [place for place, token in enumerate(encoding.ids) if token not in skipped]
            if 0 < len(kept) < len(offsets):  # a text of nothing else keeps its tokens
                vectors, offsets = vectors[kept], [offsets[place] for place in kept]
            found.append(
                EncodedText(
                    vectors,
                    torch.tensor(offsets, dtype=torch.int32).reshape(-1, 2),
                    pooled[index].clone(),  # a row of the batch's tensor would keep all of it in the store
                    torch.tensor(segment_table(text, offsets), dtype=torch.int32).reshape(-1, 4),
                )
            )
        return found

    @torch.inference_mode()
    def _forward(
        self, batch: list[Window], before: list[int], fill: tuple[int, int] | None
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """For every window its normalised token vectors, and what its text's pooled vector is summed from."""
        rows = [[*before, *window.ids, *self._after] for window in batch]
        if fill is not None:
            token, length = fill
            rows = [row + [token] * (min(length, self.max_tokens) - len(row)) for row in rows]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [self._pad_id] * (longest - len(row)) for row in rows], dtype=torch.int64)
        mask = torch.arange(longest) < torch.tensor([[len(row)] for row in rows])
        raw = self._hidden(ids.to(self.device), mask.long().to(self.device)).float()
        if self.pooling == "cls":
            totals = raw[:, 0].cpu()
        else:
            totals = (raw * mask.unsqueeze(-1).to(raw.device)).sum(dim=1).cpu()
        projected = raw if self._projection is None else raw @ self._projection
        vectors = torch.nn.functional.normalize(projected, dim=-1).cpu()
        start = len(before)
        kept = [row[start : start + len(window.ids)] for row, window in zip(vectors, batch, strict=True)]
        return list(zip(kept, totals, strict=True))

    def _special_ids(self) -> tuple[list[int], list[int]]:
        bare = self._tokenizer.encode("a", add_special_tokens=False).ids
        full = self._tokenizer.encode("a", add_special_tokens=True).ids
        at = full.index(bare[0])
        return full[:at], full[at + len(bare) :]


def _read_projection(file: Path, hidden: int) -> torch.Tensor:
    try:
        weight = load_file(file)["weight"].float()
    except (OSError, SafetensorError, KeyError) as error:
        raise CheckpointError(f"{file} holds no projection: {error}") from error
    if weight.dim() != 2 or len(weight) != hidden:
        raise CheckpointError(
            f"{file} projects vectors of shape {tuple(weight.shape)}, the model's have {hidden} dimensions: "
            "use the checkpoint with the base model that it was trained on"
        )
    return weight


@contextmanager
def _progress(windows: int, show: bool) -> Iterator[Callable[[int], object]]:
    """Told how many windows are encoded. Unshown, tqdm is left alone: processes share a lock of its, and one
    that is killed while it holds it stops all that were forked beside it."""
    if not show:
        yield lambda _: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=windows, desc="Encoding", unit="window") as bar:
        yield bar.update
