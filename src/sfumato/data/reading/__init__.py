"""From a folder to pixels: pictures are found, decoded, and their colours brought to sRGB.
May import: what the room may.
"""
