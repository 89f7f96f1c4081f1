"""What watches or replaces parts of the loop: safety, averages, numbers, states, other forms of the network.
May import: what the room may.
"""
