"""Ways to spoil a picture: one file a family, all of them listed in `catalogue.py`.
May import: sfumato.core, sfumato.show.
"""
