"""What a client may ask of each channel. A new channel is one module and one line in `MODULES`."""

from __future__ import annotations

MODULES: dict[str, str] = {"mt": "shared.channels.mt"}
"""Channel → the module whose `CHANNEL` describes it; loaded on first use, so each function loads only what it needs."""

CHANNEL_NAMES: tuple[str, ...] = ("mt", "kakao", "rcs", "push", "email")
"""Every name that may stand in a recipient's `addresses`."""
