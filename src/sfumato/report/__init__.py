"""Reads the files of a run folder, and only them, into one page.
May import: sfumato.core, sfumato.show, sfumato.metrics.
"""
