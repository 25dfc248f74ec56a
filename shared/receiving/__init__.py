"""What vendors send by themselves: webhooks read, folded, and as events on their way to route."""

from shared.receiving.webhooks import letters, nameless, outcomes, read, read_again, unread

__all__ = ["letters", "nameless", "outcomes", "read", "read_again", "unread"]
