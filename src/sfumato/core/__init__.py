"""What everyone agrees on: value range and rounding, seeds, errors, recipe reading, devices, files, locks, progress.
May import: nothing of ours.
"""
