"""The 1997 machine in numba: a block of sequences per call, one time step in some 60 ns.

Cells lie side by side in the lanes of vectors, and each cell has its block's gates in the same lane: a gate shared by S
cells is computed S times, which costs nothing and spares all shuffling. arguments.py says how arrays are laid out,
step.py goes one step forward, outputs.py scores it, truncated.py and unrolled.py learn by forward traces and backward
through time, competitors.py holds RTRL and BPTT of the paper's recurrent net, logistic.py the one function they need.
"""
