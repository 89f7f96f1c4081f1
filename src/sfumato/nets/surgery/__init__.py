"""What is done to networks that exist: cut, copied, frozen, counted, started anew.
May import: sfumato.core.
"""
