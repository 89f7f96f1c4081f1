"""Scenes of leaves that hide each other: outlines, textures, and `dead_leaves.py`, which lays them over each other.
May import: sfumato.core, sfumato.show, sfumato.data.
"""
