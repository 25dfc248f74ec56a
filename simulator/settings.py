"""The simulator's settings, read from the environment (prefix `IMS_SIM_`)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SimulatorSettings(BaseSettings):
    """Where receipts go, how much is remembered, and whose credentials are good."""

    model_config = SettingsConfigDict(env_prefix="IMS_SIM_", extra="ignore", frozen=True)

    receipt_url: str = Field(
        "http://127.0.0.1:30001/v1/receipts/{vendor}/{account}", description="where webhooks are posted"
    )
    secrets: str = Field("", description="JSON {vendor: {account: {setting: value}}}; adds to or replaces the demo's")
    remembered: int = Field(250_000, description="messages kept for /received and for look-ups")
    receipt_queue: int = Field(1_000_000, description="receipts that wait for a receiver that is down, per account")
    receipt_linger_ms: int = Field(10, description="how long a webhook waits for more receipts to carry")
    receipt_batch: int = Field(500, description="receipts in one webhook")
    receipt_concurrency: int = Field(2, description="webhooks at once per account")
    smtp_host: str = Field("127.0.0.1", description="where its mail server listens")
    smtp_port: int = Field(0, description="its mail server's port; 0: none")
    return_host: str = Field("127.0.0.1", description='where return paths\' mail listener is, for `"via": "smtp"`')
    return_port: int = Field(0, description="its port; 0: none")
    http2_host: str = Field("127.0.0.1", description="where it speaks HTTP/2 without TLS")
    http2_port: int = Field(0, description="the port for HTTP/2 (FCM, APNs); 0: none")
    hang_seconds: float = Field(30.0, description="how long a call that times out is held before 504")
