"""Tiles, photographs in and out, and one function over a tree of files.
May import: sfumato.core, sfumato.data, sfumato.nets.
"""
