"""docs/errors.md: problem types, the words in `errors[].code`, result codes with the vendors' own, and states."""

from __future__ import annotations

from local.docs.text import notice, table
from shared.domain.codes import CODES, Action
from shared.domain.states import State
from shared.runtime.problems import BASE, TITLES
from shared.vendors.base import CodeTable
from shared.vendors.registry import REGISTRY

SOURCES = ("shared/runtime/problems.py", "shared/domain/codes.py", "shared/vendors/", "local/docs/errors.py")

NEXT: dict[str, str] = {
    "unreadable": "mend the JSON",
    "unauthorized": "send a key that exists and has not expired: `Authorization: Bearer ims_live_…`",
    "forbidden": "`detail` says what the key may not do: its kind, its scope, your address, a closed account; or "
    "`errors` names sender numbers that are not the account's (1004): register them first",
    "file-quota": "send a smaller file; `limit` says how much the account may keep in all",
    "files-full": "delete files, or wait until `frees_at`; `used` and `limit` say how much is kept",
    "stale": "read the object again, and decide anew whether to change it",
    "wrong-state": "do what fits the state that `detail` names; of templates: wait until the version in review is "
    "decided, or make a new draft",
    "sent-already": 'look at `same_as`; if it is meant, send `{"again": true}`',
    "made": "it is there, its answer is not any more: look it up; a secret that you have not got, replace by another",
    "already": "somebody did it before; `detail` says who and when, where that is known",
    "last-open": "name the account in `confirm` if all messages of the channel are meant to wait",
    "other-count": "look again with `?dry_run=true`, and give the count that it says",
    "exists": "use the one that is there; `id` names it",
    "keys-full": "revoke a key that is not used: `DELETE /v1/keys/{id}`",
    "other-version": "read the object again; it has changed since",
    "in-use": "wait until `needed_until`",
    "not-found": "check the path and the id; another account's messages are not found either",
    "gone": "it was deleted after its retention period; nothing brings it back",
    "method-not-allowed": "use the method that `detail` names",
    "timeout": "send the whole body at once, within 60 s",
    "in-flight": "wait for `retry-after` seconds, then repeat the same request with the same key",
    "too-large": "send less at once: messages 10 MiB, images 2 MiB",
    "unsupported-media-type": "say `content-type: application/json` in UTF-8, not compressed (images: `image/jpeg`, "
    "raw or in a form)",
    "invalid": "mend every fault in `errors`; nothing was done",
    "upgrade-required": "speak HTTP/1.1 (the gateway's answer)",
    "headers-too-large": "send a shorter path or fewer headers: 60 KiB and 100 headers at most (the gateway's answer)",
    "not-implemented": "send the body with a length or chunked (the gateway's answer)",
    "too-many": "wait for `retry-after` seconds",
    "internal": "our fault, and logged; with an Idempotency-Key it is safe to repeat",
    "unavailable": "wait for `retry-after` seconds, then repeat; after a partial publish `request_id` is given, and "
    "the same Idempotency-Key completes that request",
    "idempotency-key": "use 1 to 255 printable characters",
    "idempotency-key-reused": "the key belongs to another body: use a new key for a new request",
    "not-final": "the message has not ended, so there is no report to replay yet",
    "no-callback": "there is no callback to call: `PUT /v1/callbacks` first",
    "no-mail": "this installation sends no mail: choose `callback`",
    "not-over": "the day is not over in Korea: ask again after its midnight",
    "signed-out": "sign in again: `POST /v1/sessions`",
    "sign-in-failed": "check address, password and code; an unknown address is answered the same",
    "code-needed": "send the code of your authenticator app, or a recovery code, as `code`",
    "locked": "wait for `retry-after` seconds; a browser in which you have signed in before may still be let in",
    "csrf": "ask `GET /v1/sessions/current`, and send its `csrf` as the header `x-csrf-token`",
    "confirm-needed": "give the password again: `POST /v1/sessions/current/confirm`, then repeat the call",
    "totp-needed": "set up a second factor: `POST /v1/me/totp`; operators cannot do without one",
    "no-factor": "begin with `POST /v1/me/totp`",
    "somebody-else": "sign out, then open the link again",
    "last-owner": "make somebody else an owner first",
    "no-statistics": "ask the operators: statistics need MongoDB (IMS_MONGODB_URL)",
    "sent-lately": "a digest went out less than 10 minutes ago: wait for `retry-after` seconds",
}
"""What a client does next, by the last part of `type`."""

FURTHER = {
    **dict.fromkeys(
        ("idempotency-key", "idempotency-key-reused", "not-final", "no-callback", "no-mail", "not-over"), 422
    ),
    "sent-lately": 429,
    "no-statistics": 503,
    **dict.fromkeys(("signed-out", "sign-in-failed", "code-needed"), 401),
    **dict.fromkeys(("csrf", "confirm-needed", "totp-needed"), 403),
    **dict.fromkeys(("no-factor", "somebody-else", "last-owner"), 409),
    "locked": 429,
    "file-quota": 413,
    "files-full": 429,
    "in-use": 409,
    "made": 409,
    "exists": 409,
    "already": 409,
    "last-open": 409,
    "other-count": 409,
    "sent-already": 409,
    "keys-full": 409,
    "wrong-state": 409,
    "other-version": 409,
}
"""Types beside the usual one of their status."""

WORDS: dict[str, str] = {
    "required": "the field is missing",
    "unknown_field": "there is no such field or parameter; `detail` lists those that there are",
    "unknown_channel": "there is no such channel",
    "type": "another JSON type is needed",
    "range": "too small, too large, too long, too many, or not one of the possible values",
    "format": "not in the form that is needed (a time, an id, a URL, a cursor, a key)",
    "conflict": "cannot stand beside another field, or comes too late",
    "not_found": "what is named does not exist in this account; for a URL, its host name does not",
    "not_a_url": "not a URL",
    "credentials": "a URL must not carry a user name or password",
    "https_only": "the URL must begin with https://",
    "forbidden_address": "the URL leads to an address that is not called (private, loopback, link-local, …)",
}
"""`errors[].code` where no message would fail with a result code."""

ACTIONS: dict[Action, str] = {
    Action.none: "the end",
    Action.retry: "a new hop on the same channel, some times (shared/domain/retry.py); then as fail-over",
    Action.failover: "the plan's next hop",
    Action.otp: "the plan's next hop, in the auth lane only",
    Action.hold: "waits for its window",
    Action.poll: "the vendor is asked what became of it",
}
STATES: dict[State, str] = {
    State.accepted: "in Kafka; perhaps waiting for room in its account's window",
    State.scheduled: "reserved for later",
    State.held: "waits: an advertisement for the morning, or a retry",
    State.routed: "a vendor was chosen, or none is available right now",
    State.sending: "a sender has it (shown in look-ups, never stored)",
    State.uncertain: "the vendor has not said whether it sent the message",
    State.sent: "the vendor has it; the receipt is awaited",
    State.delivered: "the handset has it",
    State.failed: "it will not arrive; `code` says why",
    State.expired: "`valid_until` passed before it could be sent",
    State.canceled: "taken back before it left",
}


def page() -> str:
    """docs/errors.md."""
    parts = [f"<!-- {notice(*SOURCES)} -->", "# Errors, codes and states", _problems(), _words(), _codes(), _states()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def types() -> list[tuple[int, str, str]]:
    """(status, last part of `type`, title) of every problem."""
    usual = [(status, kind, title) for status, (kind, title) in TITLES.items()]
    further = [(status, kind, TITLES[status][1]) for kind, status in FURTHER.items()]
    return sorted(usual + further, key=lambda row: row[0])


def _problems() -> str:
    rows = [(str(status), f"`{kind}`", title, NEXT[kind]) for status, kind, title in types()]
    head = (
        "## Problems\n\nEvery error answer is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, "
        "`detail` and `errors`, which is empty where no fault can be named. `type` is "
        f"`{BASE}` and the word below; it is a stable name, not a page.\n\n"
    )
    return head + table(("Status", "Type", "Title", "What to do"), rows)


def _words() -> str:
    head = (
        "## Faults\n\n`errors[]` and `rejected[]` hold a `code` each: a result code (below) where a message would fail "
        "with it, else one of these words.\n\n"
    )
    return head + table(("Code", "Meaning"), [(f"`{word}`", text) for word, text in WORDS.items()])


def _codes() -> str:
    rows = [
        (
            f"`{code}`",
            row.detail,
            ", ".join(sorted(row.actions)) + (", alert" if row.alert else ""),
            *(", ".join(_raw_codes(adapter.codes, code)) or "–" for adapter in REGISTRY.values()),
        )
        for code, row in CODES.items()
    ]
    actions = "\n".join(f"- `{action}`: {text}" for action, text in ACTIONS.items())
    head = (
        "## Result codes\n\nA vendor's own code becomes one of these in its adapter; everything after the adapter "
        f"speaks only them.\n\n{actions}\n- `alert`: an operator should hear of it\n\n"
    )
    names = (f"{adapter.name} ({adapter.channel})" for adapter in REGISTRY.values())
    return head + table(("Code", "Detail", "What follows", *names), rows)


def _raw_codes(known: CodeTable, code: str) -> list[str]:
    return [raw for raw, row in known.items() if row.ims == code]


def _states() -> str:
    head = "## States\n\nA message's status never goes backwards; the last four are ends, and the first end wins.\n\n"
    return head + table(("State", "Meaning"), [(f"`{state.name}`", text) for state, text in STATES.items()])
