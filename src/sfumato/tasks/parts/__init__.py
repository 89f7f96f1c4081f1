"""The ground floor of the tasks: what two of them share.  Imports no task.
May import: every room but tasks, report and cli.
"""
