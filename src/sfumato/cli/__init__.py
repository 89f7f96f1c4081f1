"""The command line, one file a group of verbs; it holds no logic of its own.
May import: every room.
"""
