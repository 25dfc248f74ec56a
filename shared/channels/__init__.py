"""What a client may ask of each channel. A new channel is one package and one line in `MODULES`."""

from __future__ import annotations

MODULES: dict[str, str] = {
    "mt": "shared.channels.mt",
    "kakao": "shared.channels.kakao",
    "rcs": "shared.channels.rcs",
    "email": "shared.channels.email",
    "push": "shared.channels.push",
}
"""Channel → the module whose `CHANNEL` describes it; loaded on first use, so each function loads only what it needs."""

CHANNEL_NAMES: tuple[str, ...] = ("mt", "kakao", "rcs", "push", "email")
"""Every name of the product's own channels, built or not."""


def register(name: str, module: str) -> None:
    """Add a channel that lives elsewhere: `module` has its `CHANNEL`."""
    MODULES[name] = module


def names() -> tuple[str, ...]:
    """Every name that may stand in a recipient's `addresses`."""
    return (*CHANNEL_NAMES, *(name for name in MODULES if name not in CHANNEL_NAMES))
