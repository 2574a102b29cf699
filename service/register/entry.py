"""What the register says of a method, in the fields of public algorithm registers.

The text of each method stands in a file of its own beside this one. What is the operator's to say (who runs
the method, on which lawful basis, since when) cannot stand in the code; `OPERATOR_FIELDS` names it.
"""

from dataclasses import asdict, dataclass
from typing import Any

#: Fields of public registers that only the organisation that runs the service can fill.
OPERATOR_FIELDS = (
    "organization",
    "department",
    "contact_email",
    "begin_date",
    "end_date",
    "lawful_basis",
    "risk_category",
    "impact_assessments",
)


@dataclass(frozen=True)
class Measured:
    """Something that was measured: the sentence, where it is printed, and what prints it.

    `rows` are pieces of text of the page that hold the figures: when the page is made anew and they change,
    a test says that the sentence must be read again.
    """

    statement: str
    page: str
    command: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Risk:
    """What can go wrong, and what is done about it."""

    risk: str
    mitigation: str


@dataclass(frozen=True)
class Entry:
    """One method as the register shows it; on `last_review` the text was last held against the code."""

    description_short: str
    goal: str
    impact: str
    methods_and_models: tuple[str, ...]
    assumptions: tuple[str, ...]
    known_limitations: tuple[str, ...]
    when_not_to_use: tuple[str, ...]
    multiple_testing: str
    source_data: str
    performance: tuple[Measured, ...]
    human_intervention: str
    non_discrimination: str
    risk_management: tuple[Risk, ...]
    monitoring: str
    references: tuple[str, ...]
    source_code: tuple[str, ...]
    last_review: str
    learns_from_data: bool = False

    def told(self) -> dict[str, Any]:
        """Return the entry as the register serves it."""
        told = asdict(self)
        told["performance"] = [
            {"statement": one.statement, "page": one.page, "command": one.command} for one in self.performance
        ]
        # Registers differ in what they call this; both names are looked for.
        told["human_in_the_loop"] = self.human_intervention
        return told | {"automated_decisions": False, "completed_by_operator": list(OPERATOR_FIELDS)}
