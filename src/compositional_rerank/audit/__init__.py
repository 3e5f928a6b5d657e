"""The audit: recall and near-miss rejection of a model, measured together, before and after a change."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compositional_rerank.audit.run import AuditResult as AuditResult
    from compositional_rerank.audit.run import AuditSettings as AuditSettings
    from compositional_rerank.audit.run import run_audit as run_audit

__all__ = ["AuditResult", "AuditSettings", "run_audit"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.run"), name)
