"""The 1997 machine in numba: a block of sequences per call, a time step of a net of 93 weights in some 70 ns.

Cells lie side by side in the lanes of vectors, and each cell has its block's gates in the same lane: a gate that S
cells share is computed S times, which costs nothing and spares all shuffling. A single net cannot fill the processor,
so what counts is the chain of dependent operations from one step to the next.

arguments.py says how arrays are laid out; step.py goes one step forward, outputs.py scores it; truncated.py learns by
the forward traces of traces.py, unrolled.py backward through time, competitors.py as RTRL and BPTT do in the paper's
recurrent net; change.py adds up what they learn. logistic.py is the only function they need, lean.py how they compile.
Sums are taken in the order of the machine's vectors: a seed's numbers are the same on one kind of processor.
"""
