"""What the families of damage stand on: ranges and how they are drawn, arguments read from text, paint, letters.
May import: sfumato.core.
"""
