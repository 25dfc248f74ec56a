"""Vendors that can misbehave on demand, and the handsets behind them. State lives in memory only."""
