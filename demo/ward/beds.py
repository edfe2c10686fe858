"""The beds of the made-up ward, and what their labels say."""

from __future__ import annotations

from dataclasses import dataclass

BEDS = 12
TWINS = 5, 6
"""The beds of the two who were born together."""

CART_CODE, CART_BED = "CART-01", 12
"""A cart, and the bed at which it stands beside the camera."""

CONSULTED_BED = 3
"""The bed of the baby about whom an expert is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bed:
    """A bed; its camera shows the bed's code, and answers under the bed's name."""

    number: int

    @property
    def code(self) -> str:
        """What the label of the bed says."""
        return f"NICU-{self.number:02}"

    @property
    def camera_code(self) -> str:
        """What the label of the camera says."""
        return f"CAM-{self.number:02}"

    @property
    def path(self) -> str:
        """Where its camera is on the network of the ward."""
        return f"bed-{self.number:02}"


def beds() -> tuple[Bed, ...]:
    """All of them."""
    return tuple(Bed(number=number) for number in range(1, BEDS + 1))
