"""Data sets that many know, read as they are published; `catalogue.py` lists them and finds them on the disk.
May import: what the room may.
"""
