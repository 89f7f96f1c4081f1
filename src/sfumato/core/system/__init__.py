"""What runs underneath: devices, threads, other processes, locks, and what this machine is.
May import: sfumato.core.
"""
