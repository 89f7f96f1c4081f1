"""Augmentation of whole batches on the device: one draw a picture, taken from the seed's table; every step is listed in `catalogue.py`.
May import: sfumato.core, sfumato.show.
"""
