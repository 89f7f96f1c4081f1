"""Contact sheets, sliders and plots (Pillow, matplotlib).
May import: sfumato.core.
"""
