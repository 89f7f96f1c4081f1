"""Scores with their protocol in their names.
May import: sfumato.core, sfumato.nets.
"""
