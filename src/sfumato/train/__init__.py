"""The Learner, its callbacks, schedules, averages, state and the rate finder.  Knows batches and objectives, not pictures.
May import: sfumato.core, sfumato.show, sfumato.data, sfumato.losses, sfumato.metrics.
"""
