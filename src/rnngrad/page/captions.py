"""What is to be seen in the figures of the store: captions, read aloud where the figure cannot be seen."""

from collections.abc import Sequence
from pathlib import Path

from .section import Picture

OF_RUNS = {
    "-learning": "Learning curves of every seed, one panel a cell. A dot marks the first hit of the stop rule, a cross "
    "the update at which a run diverged; of more than 30 seeds, the median, the middle half and the range. Bottom row: "
    "the gradient that reaches the first step over that at the last.",
    "-flow": "The gradient of the last step's loss by lag, relative to lag 0: dashed at initialisation, solid after "
    "training, or at the last evaluation so far. Lines are medians over seeds, bands run from the lowest seed to the "
    "highest.",
    "-measures": "The net while it learned: spectrum of the recurrent weights, Pascanu's Ω, saturated units and top "
    "exponent. Lines are medians over seeds, bands run from the lowest seed to the highest.",
}
OF_LAGS = {
    "-success": "Success by lag: share of the runs that solved it, with Wilson's 95 % interval, and the logistic curve "
    "through them; where none can be fitted, a thin line joins them. Below, the lag at which success falls to half: "
    "with its bootstrap interval, or, without a curve, a thin line between the lags that enclose it; an arrow leads "
    "beyond those that were tried.",
    "-steps": "Updates to solve, one panel a lag: Kaplan and Meier's estimate of the share of runs that solved it, "
    "with its 95 % interval. A bar across a line is where a run stopped unsolved.",
    "-horizon": "How far back the gradient reaches, before and after training, by lag: the first lag at which it is "
    "under 1 % of lag 0's. Full points solved the problem, hollow ones did not, or not yet.",
}
OF_RERUNS = {
    "-trials": "Training sequences until the paper's criterion is met: Kaplan and Meier's estimate of the share of "
    "trials that met it, with its 95 % interval. A bar across a line is where a trial stopped unsolved; dotted lines "
    "are the paper's means.",
    "-errors": "The squared error of a sequence over the training of every trial, a mean of the last 2,000, where a "
    "trial was looked at more than once: level at first, while it is at chance. A dot ends a trial that met the "
    "criterion, a cross one that ended without; the mean lags behind a net that learns fast at its end. Dotted lines "
    "are the paper's means.",
    "-inside": "Gates and cell states of a net that solved it over one fresh sequence, as in the paper's figures 9 and "
    "10. Vertical lines: the marked elements of experiments 4 and 5.",
    "-failed": "The same of a net that its cap left unsolved, over a sequence that it gets wrong, with its outputs and "
    "targets. Triangles mark the steps at which it is wrong; above the gates, what matters of the sequence.",
    "-flow": "∂s(T)/∂s(t) through trained nets by lag: through the carousels alone it is 1; beside that through the "
    "whole net, and what truncated learning leaves out, which is nothing where there is no recurrence. Bands run from "
    "the lowest trial to the highest. For RTRL and BPTT the recurrent unit's, with its bound.",
}
OF_READINGS = {
    "": "The mean number of sequences over the published one, with its 95 % interval, for every reading of a setting; "
    "hollow where the reading contradicts the text. At the right the trials that solved it.",
}
OF_EXPERIMENTS = {
    "nielsen": "Above, the norm of every hidden layer's bias gradient by epoch, with its band over seeds and the "
    "published values; below it the training loss, and the norms before training by layer.",
    "glorot": "Mean singular value of the Jacobians between hidden layers beside theory, variance of the gradient "
    "beside its prediction, variance of the weight gradients. Bands over seeds.",
    "chain": "Left the activations on their way forward, right the gradients on their way back; marks are measured, "
    "lines exact.",
    "factors": "Left, how large the factors of the backward product are; middle, the width of the inputs for which one "
    "is 1 or more, by weight; right, the gradient by layer in chains of single units.",
    "remedies-gradient": "Powers of ten of the gradient at the first hidden layer over that at the last, before "
    "training, by activation, initialisation, depth and remedy.",
    "remedies-training": "Training loss at the end of the budget, median over seeds. Framed nets train, a c marks "
    "those that do with clipping alone, ∞ those that diverge.",
    "remedies-growth": "What a layer multiplies the gradient by on its way back, by depth, with intervals over seeds; "
    "dotted lines are theory.",
    "depth-and-time": "The gradient by layers and by steps back, before and after training; the rate of every seed by "
    "width, tied and redrawn; remedies in pairs. Lines are medians over seeds, bands run from lowest to highest.",
}
"""By the name of the experiment's kind and what its file adds to it."""


def pictures(name: str, captions: dict[str, str], files: Sequence[Path]) -> list[Picture]:
    """The figures that were drawn, in the captions' order: their files are ``name`` and a caption's key."""
    drawn = {file.stem for file in files if file.suffix == ".svg"}
    return [Picture(name + ending, caption) for ending, caption in captions.items() if name + ending in drawn]
