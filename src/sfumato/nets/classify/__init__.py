"""Networks that name what a picture shows, one file a family; `whole.py` is the shape they share.
May import: sfumato.core.
"""
