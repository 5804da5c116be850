"""Pools: one Name over Workers of one class, more of them as they are needed."""
