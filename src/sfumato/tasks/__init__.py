"""One file a task: how a recipe becomes data, network, objective, metrics and previews, and how its model is used.
May import: every room but report and cli.
"""
