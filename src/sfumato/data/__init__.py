"""From folders to batches: find, read, store, split, pair, batch; geometry shared by input and target.
May import: sfumato.core, sfumato.show.
"""
