"""How the paper's text is read where it leaves something open or says it twice."""

from dataclasses import dataclass, fields

from ...errors import UsageError

_CHOICES = {
    "output": ("logistic", "linear"),
    "update": ("sequence", "step"),
    "gradient": ("truncated", "exact"),
    "ranges": ("text", "caption"),
}


@dataclass(frozen=True)
class Reading:
    """One reading of Hochreiter & Schmidhuber 1997; without arguments the plain one of the text.

    Raises UsageError for a choice that there is not, and for an exact gradient with an update per step, which would
    need the way back through time at every step.
    """

    output: str = "logistic"
    """Output units: logistic, or linear."""
    derivative: bool = True
    """Does the output error hold the derivative of the logistic output (appendix: e_k = f'(net_k) (t_k - y_k))?"""
    half: bool = True
    """Is the error ½ Σ (t - y)², so that e_k has no factor 2?"""
    update: str = "sequence"
    """Weights change at a sequence's end, by the sum of its contributions (appendix), or at each scored step."""
    gradient: str = "truncated"
    """Errors stay inside the carousels (the paper's algorithm), or the exact gradient."""
    ranges: str = "text"
    """g in [-2, 2] and h in [-1, 1], as text and appendix have it, or swapped, as the caption of table 10 has it."""
    output_bias: bool | None = None
    """Have the outputs a bias? None: as table 10 says for the experiment."""

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise UsageError(f"{name} = '{getattr(self, name)}' is not known: it is {' or '.join(choices)}")
        if self.gradient == "exact" and self.update == "step":
            raise UsageError("an exact gradient is summed over the sequence: take update = 'sequence'")

    @property
    def changed(self) -> tuple[str, ...]:
        """The names of the options that are not the plain reading's."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) != f.default)
