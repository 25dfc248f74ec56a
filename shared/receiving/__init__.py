"""What vendors send by themselves: webhooks read, folded, and as events on their way to route."""

from shared.receiving.webhooks import letters, nameless, outcomes, read, read_again, unread
from shared.receiving.wishes import take_wishes

__all__ = ["letters", "nameless", "outcomes", "read", "read_again", "take_wishes", "unread"]
