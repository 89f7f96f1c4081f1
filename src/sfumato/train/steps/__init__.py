"""What a step is made of: optimisers, schedules of their rate, number formats.
May import: sfumato.core.
"""
