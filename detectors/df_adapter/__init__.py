"""DeepFake-Adapter (IJCV 2025): a frozen ViT with adapters inside and around its blocks."""

from __future__ import annotations

from detectors.df_adapter.configuration import DeepFakeAdapterConfig
from detectors.df_adapter.modeling import DeepFakeAdapter

__all__ = ["DeepFakeAdapter", "DeepFakeAdapterConfig"]
