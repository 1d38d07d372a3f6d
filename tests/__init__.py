"""Tests; may import every room."""
