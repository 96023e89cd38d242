"""Which frames are traced: one in so many, and none when it is switched off."""

import pytest

from core.telemetry.apm import Coin


@pytest.mark.parametrize(
    ("rate", "least", "most"), [(0, 0, 0), (1, 20_000, 20_000), (0.01, 100, 320), (0.5, 9_500, 10_500)]
)
def test_a_coin_hits_at_its_rate(rate: float, least: int, most: int) -> None:
    """The bounds are seven standard deviations away."""
    coin = Coin(rate)
    assert least <= sum(hits(coin) for _ in range(20_000)) <= most


def hits(coin: Coin) -> bool:
    """A toss, as a session makes it for each frame."""
    coin.left -= 1
    if coin.left:
        return False
    coin.draw()
    return True
