"""Networks and their blocks, one file a family; `catalogue.py` lists them, `load.py` makes modules from model files.
May import: sfumato.core.
"""
