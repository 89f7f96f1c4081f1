"""Parts of objectives: one file a family.
May import: sfumato.core, sfumato.nets.
"""
