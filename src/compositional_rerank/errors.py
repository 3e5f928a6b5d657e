"""The library's errors: one small hierarchy, each message names the value, the limit and the fix."""

from __future__ import annotations


class CompositionalRerankError(Exception):
    """Base of every error this library raises on purpose."""


class InputError(CompositionalRerankError, ValueError):
    """A value the caller passed cannot be used: empty query, wrong type, number out of range."""


class ModelNotFoundError(CompositionalRerankError, OSError):
    """No place that may hold the named model holds it."""


class CheckpointError(CompositionalRerankError, ValueError):
    """A model or checkpoint folder is damaged, unsafe or made for another base model."""


class DataError(CompositionalRerankError, ValueError):
    """A data file has a bad line; the message names file, line and field."""


class StoreError(CompositionalRerankError, OSError):
    """A token store cannot be read or written: full disk, other format, no permission, no locks."""


class EncodingError(CompositionalRerankError, RuntimeError):
    """Passages cannot be encoded: the device, the model or the cluster that runs it failed."""


class MissingDependencyError(CompositionalRerankError, ImportError):
    """An optional package is needed; the message says how to install it."""


class ForkedError(CompositionalRerankError, RuntimeError):
    """A process was forked after the model was loaded, and what it inherited cannot run."""
