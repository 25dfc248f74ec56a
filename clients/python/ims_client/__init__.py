# Generated from docs/openapi.yaml by `make clients`: change local/clients, not this file.
"""A client of IMS, by the standard library alone.

    ims = Client("ims_live_…", "http://127.0.0.1:30001")
    ims.send_mt({"sender": "0215441234", "text": "hi", "recipients": [{"to": "01012345678"}]})
    for message in ims.pages(ims.list_messages, to="01012345678"): ...

A refusal is a Problem (RFC 9457). What makes or changes something carries an Idempotency-Key, so it is tried again when
no answer came, and made once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]
AGAIN = (429, 503)


class Problem(Exception):
    """What the API refused: `status`, `type`, `title`, `detail` and `errors` with a pointer each."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"{status} {body.get('title', '')}: {body.get('detail', '')}")
        self.status, self.body = status, body
        self.type: str = str(body.get("type", "")).rpartition("/")[2]
        self.errors: list[Json] = body.get("errors", [])


def verify(secret: str, body: bytes, headers: Mapping[str, str], tolerance_s: int = 300) -> Any:
    """A report or notice whose signature holds, as JSON; ValueError for any other."""
    name, stamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(stamp)) > tolerance_s:
        raise ValueError("too old, or from the future")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(digest).decode()
    if not any(hmac.compare_digest(wanted, one) for one in headers["webhook-signature"].split()):
        raise ValueError("the signature is not ours")
    return json.loads(body)


class Client:
    """Calls with one key. `tries`: how often a call is made at most while no answer comes, or it is told to wait."""

    def __init__(self, key: str, base_url: str = "http://127.0.0.1:30001", *, timeout: float = 30, tries: int = 4) -> None:
        self._key, self._base, self._timeout, self._tries = key, base_url.rstrip("/"), timeout, tries
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def pages(self, operation: Callable[..., Json], *args: Any, **query: Any) -> Iterator[Json]:
        """All items of a list, page by page."""
        cursor = None
        while True:
            page = operation(*args, **{**query, **({"cursor": cursor} if cursor else {})})
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str | None] | None = None,
        once: str | None = None,
    ) -> Any:
        given = [(k, _text(v)) for k, v in (query or {}).items() if v is not None]
        url = self._base + path + ("?" + urllib.parse.urlencode(given) if given else "")
        sent = {"authorization": f"Bearer {self._key}", **{k: v for k, v in (headers or {}).items() if v is not None}}
        if once is not None:
            sent["idempotency-key"] = once or str(uuid.uuid4())
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        safe = method in ("GET", "PUT", "DELETE") or once is not None
        for left in reversed(range(self._tries if safe else 1)):
            request = urllib.request.Request(url, body, sent, method=method)
            try:
                with self._open(request, timeout=self._timeout) as answer:
                    return _read(answer)
            except urllib.error.HTTPError as error:
                problem = _problem(error)
                waits = error.code in AGAIN or problem.type == "in-flight"
                if not left or not waits:
                    raise problem from None
                time.sleep(min(float(error.headers.get("retry-after") or 1), 30))
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if not left:
                    raise
                time.sleep(1)
        raise AssertionError


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(answer: Any) -> Any:
    raw = answer.read()
    if "json" in answer.headers.get("content-type", ""):
        return json.loads(raw)
    return raw.decode() if raw else None


def _problem(error: urllib.error.HTTPError) -> Problem:
    try:
        return Problem(error.code, json.loads(error.read()))
    except ValueError:
        return Problem(error.code, {"title": error.reason})


class Ims(Client):
    """Every operation, by its name in the OpenAPI document."""

    def admin_approve_identity(self, id: str, body: Json, *, idempotency_key: str = "") -> Any:
        """Let the account speak as this."""
        return self._call("POST", f"/v1/admin/identities/{urllib.parse.quote(str(id), safe='')}/approve", body=body, once=idempotency_key)

    def admin_approve_template(self, id: str, body: Json, *, idempotency_key: str = "") -> Any:
        """Let messages use the newest version."""
        return self._call("POST", f"/v1/admin/templates/{urllib.parse.quote(str(id), safe='')}/approve", body=body, once=idempotency_key)

    def admin_create_key(self, username: str, body: Json, *, idempotency_key: str = "") -> Any:
        """Make a key for an account, also one that may make others."""
        return self._call("POST", f"/v1/admin/accounts/{urllib.parse.quote(str(username), safe='')}/keys", body=body, once=idempotency_key)

    def admin_delete_key(self, username: str, id: str) -> None:
        """Revoke a key of an account."""
        self._call("DELETE", f"/v1/admin/accounts/{urllib.parse.quote(str(username), safe='')}/keys/{urllib.parse.quote(str(id), safe='')}")

    def admin_get_identity(self, id: str) -> Any:
        """One identity of any account."""
        return self._call("GET", f"/v1/admin/identities/{urllib.parse.quote(str(id), safe='')}")

    def admin_get_secrets(self) -> Any:
        """How secrets stand in MySQL."""
        return self._call("GET", "/v1/admin/secrets")

    def admin_list_identities(self, *, channel: Any = None, kind: Any = None, state: Any = None, value: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Identities of all accounts, oldest first."""
        return self._call("GET", "/v1/admin/identities", {"channel": channel, "kind": kind, "state": state, "value": value, "limit": limit, "cursor": cursor})

    def admin_list_keys(self, username: str, *, limit: Any = None, cursor: Any = None) -> Any:
        """The keys of an account."""
        return self._call("GET", f"/v1/admin/accounts/{urllib.parse.quote(str(username), safe='')}/keys", {"limit": limit, "cursor": cursor})

    def admin_list_templates(self, *, channel: Any = None, code: Any = None, state: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Templates of all accounts, oldest first."""
        return self._call("GET", "/v1/admin/templates", {"channel": channel, "code": code, "state": state, "limit": limit, "cursor": cursor})

    def admin_reject_identity(self, id: str, body: Json, *, idempotency_key: str = "") -> Any:
        """Refuse it, with the reason that the account reads."""
        return self._call("POST", f"/v1/admin/identities/{urllib.parse.quote(str(id), safe='')}/reject", body=body, once=idempotency_key)

    def admin_reject_template(self, id: str, body: Json, *, idempotency_key: str = "") -> Any:
        """Refuse the newest version, with the reason."""
        return self._call("POST", f"/v1/admin/templates/{urllib.parse.quote(str(id), safe='')}/reject", body=body, once=idempotency_key)

    def admin_rotate_secrets(self) -> Any:
        """Seal anew, by the first key, what an older key sealed or what is in clear."""
        return self._call("POST", "/v1/admin/secrets/rotate")

    def cancel_request(self, request_id: str, *, idempotency_key: str = "") -> Any:
        """Cancel what has not left."""
        return self._call("POST", f"/v1/requests/{urllib.parse.quote(str(request_id), safe='')}/cancel", once=idempotency_key)

    def change_callbacks(self, body: Json) -> Any:
        """Change where reports go."""
        return self._call("PUT", "/v1/callbacks", body=body)

    def change_digest_settings(self, body: Json) -> Any:
        """Have a digest of each day's failures sent the next morning, or stop it."""
        return self._call("PUT", "/v1/digests", body=body)

    def change_identity(self, id: str, body: Json, *, if_match: Any = None) -> Any:
        """Change its settings or proof."""
        return self._call("PUT", f"/v1/identities/{urllib.parse.quote(str(id), safe='')}", body=body, headers={"if-match": if_match})

    def change_me(self, body: Json) -> Any:
        """Set the fallback that requests get which name none, by lane."""
        return self._call("PUT", "/v1/me", body=body)

    def change_request(self, request_id: str, body: Json) -> Any:
        """Move a reservation until it leaves."""
        return self._call("PATCH", f"/v1/requests/{urllib.parse.quote(str(request_id), safe='')}", body=body)

    def change_template(self, code: str, body: Json, *, channel: Any = None, if_match: Any = None) -> Any:
        """Make the next draft."""
        return self._call("PUT", f"/v1/templates/{urllib.parse.quote(str(code), safe='')}", {"channel": channel}, body=body, headers={"if-match": if_match})

    def check_identity(self, id: str) -> Any:
        """Look a domain's DNS records up."""
        return self._call("POST", f"/v1/identities/{urllib.parse.quote(str(id), safe='')}/check")

    def create_export(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Ask for a list as a CSV file."""
        return self._call("POST", "/v1/exports", body=body, once=idempotency_key)

    def create_identity(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Ask for a sender number, profile, domain, app, brand or chatbot."""
        return self._call("POST", "/v1/identities", body=body, once=idempotency_key)

    def create_key(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Make a key; its secret is shown once."""
        return self._call("POST", "/v1/keys", body=body, once=idempotency_key)

    def create_sender(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Ask for a sender number."""
        return self._call("POST", "/v1/senders", body=body, once=idempotency_key)

    def create_template(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Make a first draft."""
        return self._call("POST", "/v1/templates", body=body, once=idempotency_key)

    def delete_admin_alarms_by_id_mute(self, id: str) -> None:
        """Tell people of an alarm again."""
        self._call("DELETE", f"/v1/admin/alarms/{urllib.parse.quote(str(id), safe='')}/mute")

    def delete_admin_functions_by_name_log_level(self, name: str) -> None:
        """End all changes of a process's log level now; it counts within 15 s."""
        self._call("DELETE", f"/v1/admin/functions/{urllib.parse.quote(str(name), safe='')}/log-level")

    def delete_admin_people_by_id(self, id: str) -> None:
        """Take one out."""
        self._call("DELETE", f"/v1/admin/people/{urllib.parse.quote(str(id), safe='')}")

    def delete_admin_people_invitations_by_id(self, id: str) -> None:
        """Take an invitation back."""
        self._call("DELETE", f"/v1/admin/people/invitations/{urllib.parse.quote(str(id), safe='')}")

    def delete_contacts_by_id(self, id: str) -> None:
        """Erase a contact; opt-outs and consents of its addresses stay."""
        self._call("DELETE", f"/v1/contacts/{urllib.parse.quote(str(id), safe='')}")

    def delete_device(self, id: str) -> None:
        """Forget one device."""
        self._call("DELETE", f"/v1/devices/{urllib.parse.quote(str(id), safe='')}")

    def delete_devices(self, *, user: Any = None) -> None:
        """Forget all devices of a user."""
        self._call("DELETE", "/v1/devices", {"user": user})

    def delete_export(self, id: str) -> None:
        """Delete it with its file."""
        self._call("DELETE", f"/v1/exports/{urllib.parse.quote(str(id), safe='')}")

    def delete_file(self, id: str) -> None:
        """Remove a file that no message needs."""
        self._call("DELETE", f"/v1/files/{urllib.parse.quote(str(id), safe='')}")

    def delete_groups_by_id(self, id: str) -> None:
        """Delete a group; its members stay contacts, and what has been accepted for it goes on."""
        self._call("DELETE", f"/v1/groups/{urllib.parse.quote(str(id), safe='')}")

    def delete_identity(self, id: str) -> None:
        """Remove it."""
        self._call("DELETE", f"/v1/identities/{urllib.parse.quote(str(id), safe='')}")

    def delete_key(self, id: str) -> None:
        """Revoke it."""
        self._call("DELETE", f"/v1/keys/{urllib.parse.quote(str(id), safe='')}")

    def delete_me_totp(self) -> None:
        """Do without it; operators cannot. All other sessions end."""
        self._call("DELETE", "/v1/me/totp")

    def delete_optouts_by_id(self, id: str, body: Json) -> None:
        """Let messages go again, with what the account knows it by; the opt-out stays in the history."""
        self._call("DELETE", f"/v1/optouts/{urllib.parse.quote(str(id), safe='')}", body=body)

    def delete_people_by_id(self, id: str) -> None:
        """Take one out; within 10 s all of that person's sessions here have ended."""
        self._call("DELETE", f"/v1/people/{urllib.parse.quote(str(id), safe='')}")

    def delete_people_invitations_by_id(self, id: str) -> None:
        """Take an invitation back."""
        self._call("DELETE", f"/v1/people/invitations/{urllib.parse.quote(str(id), safe='')}")

    def delete_sender(self, id: str) -> None:
        """Remove a sender number."""
        self._call("DELETE", f"/v1/senders/{urllib.parse.quote(str(id), safe='')}")

    def delete_sessions(self) -> None:
        """Sign out everywhere else."""
        self._call("DELETE", "/v1/sessions")

    def delete_sessions_by_id(self, id: str) -> None:
        """Sign out in one place."""
        self._call("DELETE", f"/v1/sessions/{urllib.parse.quote(str(id), safe='')}")

    def delete_sessions_current(self) -> None:
        """Sign out."""
        self._call("DELETE", "/v1/sessions/current")

    def delete_template(self, code: str, *, channel: Any = None) -> None:
        """Remove a template with its versions."""
        self._call("DELETE", f"/v1/templates/{urllib.parse.quote(str(code), safe='')}", {"channel": channel})

    def get_admin_accounts(self, *, username: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """All accounts, in the order in which they were opened."""
        return self._call("GET", "/v1/admin/accounts", {"username": username, "limit": limit, "cursor": cursor})

    def get_admin_accounts_by_username(self, username: str) -> None:
        """One account, with how much it has reserved."""
        self._call("GET", f"/v1/admin/accounts/{urllib.parse.quote(str(username), safe='')}")

    def get_admin_accounts_by_username_people(self, username: str, *, limit: Any = None, cursor: Any = None) -> Any:
        """The people of any account."""
        return self._call("GET", f"/v1/admin/accounts/{urllib.parse.quote(str(username), safe='')}/people", {"limit": limit, "cursor": cursor})

    def get_admin_alarms(self) -> Any:
        """Alarms that fire, that will if it lasts (`pending`), and that ended lately; and the mutes that hold."""
        return self._call("GET", "/v1/admin/alarms")

    def get_admin_alarms_history(self, *, name: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """What became of alarms: fired, ended, acknowledged, muted, the newest first."""
        return self._call("GET", "/v1/admin/alarms/history", {"name": name, "limit": limit, "cursor": cursor})

    def get_admin_audit(self, *, actor: Any = None, action: Any = None, object: Any = None, since: Any = None, until: Any = None, username: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """What was done in the whole installation."""
        return self._call("GET", "/v1/admin/audit", {"actor": actor, "action": action, "object": object, "since": since, "until": until, "username": username, "limit": limit, "cursor": cursor})

    def get_admin_audit_export(self, *, actor: Any = None, action: Any = None, object: Any = None, since: Any = None, until: Any = None, username: Any = None, purpose: Any = None) -> str:
        """The same as a CSV file, of at most 100,000 rows; the look itself is noted."""
        return str(self._call("GET", "/v1/admin/audit/export", {"actor": actor, "action": action, "object": object, "since": since, "until": until, "username": username, "purpose": purpose}))

    def get_admin_audit_verify(self) -> Any:
        """Walk the chain; `broken_at` is the first row that is missing, changed or out of place."""
        return self._call("GET", "/v1/admin/audit/verify")

    def get_admin_dead(self, *, state: Any = None, topic: Any = None, reason: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Dead letters, the newest first."""
        return self._call("GET", "/v1/admin/dead", {"state": state, "topic": topic, "reason": reason, "limit": limit, "cursor": cursor})

    def get_admin_dead_by_id(self, id: str) -> Any:
        """One, with its record (numbers masked). Looking at it stands in the audit."""
        return self._call("GET", f"/v1/admin/dead/{urllib.parse.quote(str(id), safe='')}")

    def get_admin_dead_groups(self) -> Any:
        """Those that wait, by topic and reason, with how many and since when."""
        return self._call("GET", "/v1/admin/dead/groups")

    def get_admin_due(self, *, lane: Any = None) -> Any:
        """Work in MySQL by lane, kind and account."""
        return self._call("GET", "/v1/admin/due", {"lane": lane})

    def get_admin_flow(self) -> Any:
        """Every function and bridge, every topic with its rate, every consumer group with its lag and rate. The first look has no rates."""
        return self._call("GET", "/v1/admin/flow")

    def get_admin_functions(self) -> Any:
        """Every process with its instances."""
        return self._call("GET", "/v1/admin/functions")

    def get_admin_jobs(self) -> Any:
        """The clock's tasks, and when each last succeeded."""
        return self._call("GET", "/v1/admin/jobs")

    def get_admin_journal(self, *, limit: Any = None) -> Any:
        """The last 1,000 starts, stops and changes of log levels, the newest first."""
        return self._call("GET", "/v1/admin/journal", {"limit": limit})

    def get_admin_kafka(self) -> Any:
        """Topics with partitions, replicas and rate, each with the groups that read it."""
        return self._call("GET", "/v1/admin/kafka")

    def get_admin_lanes(self) -> Any:
        """What waits in each lane in MySQL."""
        return self._call("GET", "/v1/admin/lanes")

    def get_admin_logs(self, *, function: Any = None, new: Any = None) -> Any:
        """Errors of all functions' logs as signatures, the latest first."""
        return self._call("GET", "/v1/admin/logs", {"function": function, "new": new})

    def get_admin_messages(self, *, username: Any = None, to: Any = None, purpose: Any = None, status: Any = None, code: Any = None, channel: Any = None, vendor: Any = None, lane: Any = None, since: Any = None, until: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Messages of all accounts, the newest first, numbers masked; `to` needs `username` and `purpose`. A page may be short and still lead on."""
        return self._call("GET", "/v1/admin/messages", {"username": username, "to": to, "purpose": purpose, "status": status, "code": code, "channel": channel, "vendor": vendor, "lane": lane, "since": since, "until": until, "limit": limit, "cursor": cursor})

    def get_admin_messages_by_message_id(self, message_id: str) -> Any:
        """One message of any account, masked, with its trail: where it was, and when."""
        return self._call("GET", f"/v1/admin/messages/{urllib.parse.quote(str(message_id), safe='')}")

    def get_admin_mysql(self) -> Any:
        """The longest transaction (its verb and table), how far the replica is behind, and the largest tables."""
        return self._call("GET", "/v1/admin/mysql")

    def get_admin_people(self, *, limit: Any = None, cursor: Any = None) -> Any:
        """The operators."""
        return self._call("GET", "/v1/admin/people", {"limit": limit, "cursor": cursor})

    def get_admin_people_by_id(self, id: str) -> Any:
        """One of them."""
        return self._call("GET", f"/v1/admin/people/{urllib.parse.quote(str(id), safe='')}")

    def get_admin_people_invitations(self, *, limit: Any = None, cursor: Any = None) -> Any:
        """Operators who were asked in and have not come yet."""
        return self._call("GET", "/v1/admin/people/invitations", {"limit": limit, "cursor": cursor})

    def get_admin_prices(self, *, channel: Any = None, vendor: Any = None) -> Any:
        """Prices that were entered, the newest first; where there is none, the vendor's list price holds."""
        return self._call("GET", "/v1/admin/prices", {"channel": channel, "vendor": vendor})

    def get_admin_redis(self) -> Any:
        """Memory (% of what it may have), who listens to expiry, what waits in the due-set, and lost shards."""
        return self._call("GET", "/v1/admin/redis")

    def get_admin_retries(self) -> Any:
        """Reports that wait for another try, by their callback's host (of the 20,000 that are due first)."""
        return self._call("GET", "/v1/admin/retries")

    def get_admin_routes(self) -> Any:
        """By channel, who carries new messages, with which share; test keys have vendors of their own."""
        return self._call("GET", "/v1/admin/routes")

    def get_admin_stats(self, *, username: Any = None, test: Any = None, by: Any = None, step: Any = None, since: Any = None, until: Any = None) -> Any:
        """The same of any account, named by `username`; `test=true`: of its test keys."""
        return self._call("GET", "/v1/admin/stats", {"username": username, "test": test, "by": by, "step": step, "since": since, "until": until})

    def get_admin_stops(self) -> Any:
        """Paused lanes, drained vendor accounts, suspended accounts, muted alarms, changed log levels."""
        return self._call("GET", "/v1/admin/stops")

    def get_admin_stream(self, *, topics: Any = None) -> None:
        """Changes of `topics` (comma-separated, by default all) as server-sent events. It ends after 50 s."""
        self._call("GET", "/v1/admin/stream", {"topics": topics})

    def get_admin_vendors(self, *, channel: Any = None, vendor: Any = None) -> Any:
        """Every vendor account by channel: breaker, results of the last two hours, share of what is new there."""
        return self._call("GET", "/v1/admin/vendors", {"channel": channel, "vendor": vendor})

    def get_audit(self, *, actor: Any = None, action: Any = None, object: Any = None, since: Any = None, until: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """What was done in the account, the newest first; also by operators."""
        return self._call("GET", "/v1/audit", {"actor": actor, "action": action, "object": object, "since": since, "until": until, "limit": limit, "cursor": cursor})

    def get_callbacks(self) -> Any:
        """Where reports go, and how that goes lately."""
        return self._call("GET", "/v1/callbacks")

    def get_consents(self, *, to: Any = None, channel: Any = None, due_before: Any = None, state: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Consents that hold; `due_before`: those that must be confirmed again by then (every two years)."""
        return self._call("GET", "/v1/consents", {"to": to, "channel": channel, "due_before": due_before, "state": state, "limit": limit, "cursor": cursor})

    def get_consents_check(self, *, to: Any = None, channel: Any = None) -> Any:
        """Whether an advertisement may go to somebody now, and if not, why not, and from when on it may."""
        return self._call("GET", "/v1/consents/check", {"to": to, "channel": channel})

    def get_contacts(self, *, to: Any = None, group: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """The account's contacts: all, the one at an address (`to`), or those in a group."""
        return self._call("GET", "/v1/contacts", {"to": to, "group": group, "limit": limit, "cursor": cursor})

    def get_contacts_by_id(self, id: str) -> Any:
        """One contact."""
        return self._call("GET", f"/v1/contacts/{urllib.parse.quote(str(id), safe='')}")

    def get_content(self, message_id: str, *, purpose: Any = None) -> Any:
        """What a message says, hop by hop, as it goes to the vendor."""
        return self._call("GET", f"/v1/messages/{urllib.parse.quote(str(message_id), safe='')}/content", {"purpose": purpose})

    def get_digest(self, date: str) -> Any:
        """A day's digest, and how far its sending is."""
        return self._call("GET", f"/v1/digests/{urllib.parse.quote(str(date), safe='')}")

    def get_digest_settings(self) -> Any:
        """Whether the daily digest of failures comes, how and where."""
        return self._call("GET", "/v1/digests")

    def get_export(self, id: str) -> Any:
        """One export."""
        return self._call("GET", f"/v1/exports/{urllib.parse.quote(str(id), safe='')}")

    def get_export_file(self, id: str) -> str:
        """Its file."""
        return str(self._call("GET", f"/v1/exports/{urllib.parse.quote(str(id), safe='')}/file"))

    def get_file(self, id: str) -> Any:
        """One file, without its content."""
        return self._call("GET", f"/v1/files/{urllib.parse.quote(str(id), safe='')}")

    def get_groups(self, *, limit: Any = None, cursor: Any = None) -> Any:
        """The account's groups with the number of their members."""
        return self._call("GET", "/v1/groups", {"limit": limit, "cursor": cursor})

    def get_groups_by_id(self, id: str) -> Any:
        """One group."""
        return self._call("GET", f"/v1/groups/{urllib.parse.quote(str(id), safe='')}")

    def get_identity(self, id: str) -> Any:
        """One identity."""
        return self._call("GET", f"/v1/identities/{urllib.parse.quote(str(id), safe='')}")

    def get_invitations_by_token(self, token: str) -> Any:
        """To what, by whom and as what one is invited."""
        return self._call("GET", f"/v1/invitations/{urllib.parse.quote(str(token), safe='')}")

    def get_key(self, id: str) -> Any:
        """One key."""
        return self._call("GET", f"/v1/keys/{urllib.parse.quote(str(id), safe='')}")

    def get_me(self) -> Any:
        """The account behind the key, with what holds for it."""
        return self._call("GET", "/v1/me")

    def get_message(self, message_id: str) -> Any:
        """One message with its trail and its callback."""
        return self._call("GET", f"/v1/messages/{urllib.parse.quote(str(message_id), safe='')}")

    def get_optouts(self, *, to: Any = None, channel: Any = None, scope: Any = None, source: Any = None, state: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Recipients who want no messages; `state=ended` or `all` shows the history."""
        return self._call("GET", "/v1/optouts", {"to": to, "channel": channel, "scope": scope, "source": source, "state": state, "limit": limit, "cursor": cursor})

    def get_optouts_by_id(self, id: str) -> Any:
        """One opt-out, also an ended one."""
        return self._call("GET", f"/v1/optouts/{urllib.parse.quote(str(id), safe='')}")

    def get_people(self, *, limit: Any = None, cursor: Any = None) -> Any:
        """The account's people."""
        return self._call("GET", "/v1/people", {"limit": limit, "cursor": cursor})

    def get_people_by_id(self, id: str) -> Any:
        """One of them."""
        return self._call("GET", f"/v1/people/{urllib.parse.quote(str(id), safe='')}")

    def get_people_invitations(self, *, limit: Any = None, cursor: Any = None) -> Any:
        """Who was asked in and has not come yet."""
        return self._call("GET", "/v1/people/invitations", {"limit": limit, "cursor": cursor})

    def get_request(self, request_id: str) -> Any:
        """A request with its messages counted by state."""
        return self._call("GET", f"/v1/requests/{urllib.parse.quote(str(request_id), safe='')}")

    def get_search(self, *, q: Any = None) -> Any:
        """Messages and requests with this id, `ref`, `request_ref`, vendor's reference or recipient (numbers in any writing); exact ids come first, then by name, the newest first, at most 20 each. `looked_at` says which names the text could be."""
        return self._call("GET", "/v1/search", {"q": q})

    def get_sender(self, id: str) -> Any:
        """One sender number."""
        return self._call("GET", f"/v1/senders/{urllib.parse.quote(str(id), safe='')}")

    def get_sessions(self) -> Any:
        """All places where the caller is signed in."""
        return self._call("GET", "/v1/sessions")

    def get_sessions_current(self) -> Any:
        """Who is signed in here, with what it may do now; renews the cookie."""
        return self._call("GET", "/v1/sessions/current")

    def get_stats(self, *, by: Any = None, step: Any = None, since: Any = None, until: Any = None) -> Any:
        """Messages of the account by the time of their acceptance; a test key sees those of test keys."""
        return self._call("GET", "/v1/stats", {"by": by, "step": step, "since": since, "until": until})

    def get_suppression(self, id: str) -> Any:
        """One of them."""
        return self._call("GET", f"/v1/suppressions/{urllib.parse.quote(str(id), safe='')}")

    def get_template(self, code: str, *, channel: Any = None) -> Any:
        """The newest version, and the number of the one in use."""
        return self._call("GET", f"/v1/templates/{urllib.parse.quote(str(code), safe='')}", {"channel": channel})

    def get_uploads(self, *, state: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """The account's files, the newest first."""
        return self._call("GET", "/v1/uploads", {"state": state, "limit": limit, "cursor": cursor})

    def get_uploads_by_id(self, id: str) -> Any:
        """One file, with how far its check or sending is, and which like it were sent within a day."""
        return self._call("GET", f"/v1/uploads/{urllib.parse.quote(str(id), safe='')}")

    def get_uploads_by_id_faults(self, id: str, *, class_: Any = None, format: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Why rows cannot be sent, by row, column and value; `?class=` one kind, `twice` and `opted_out` too. As text/csv (or `?format=csv`)."""
        return self._call("GET", f"/v1/uploads/{urllib.parse.quote(str(id), safe='')}/faults", {"class": class_, "format": format, "limit": limit, "cursor": cursor})

    def get_uploads_by_id_results(self, id: str) -> str:
        """What became of each good row, as CSV."""
        return str(self._call("GET", f"/v1/uploads/{urllib.parse.quote(str(id), safe='')}/results"))

    def get_uploads_by_id_rows_by_n(self, id: str, n: str) -> Any:
        """One row, by its number in the sheet: as it would be sent, or why it would not."""
        return self._call("GET", f"/v1/uploads/{urllib.parse.quote(str(id), safe='')}/rows/{urllib.parse.quote(str(n), safe='')}")

    def get_usage(self) -> Any:
        """What limits the account, and how much of it is used."""
        return self._call("GET", "/v1/usage")

    def lift_suppression(self, id: str, body: Json) -> None:
        """Let an address be mailed again."""
        self._call("DELETE", f"/v1/suppressions/{urllib.parse.quote(str(id), safe='')}", body=body)

    def list_attempts(self, *, outcome: Any = None, since: Any = None, until: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Tries of reports, newest first, with what the callback answered."""
        return self._call("GET", "/v1/callbacks/attempts", {"outcome": outcome, "since": since, "until": until, "limit": limit, "cursor": cursor})

    def list_devices(self, *, user: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Devices of a user, or all; a test key has its own."""
        return self._call("GET", "/v1/devices", {"user": user, "limit": limit, "cursor": cursor})

    def list_exports(self, *, limit: Any = None, cursor: Any = None) -> Any:
        """The account's exports, newest first."""
        return self._call("GET", "/v1/exports", {"limit": limit, "cursor": cursor})

    def list_files(self, *, limit: Any = None, cursor: Any = None) -> Any:
        """The account's files, newest first, with what is used of its quota."""
        return self._call("GET", "/v1/files", {"limit": limit, "cursor": cursor})

    def list_identities(self, *, channel: Any = None, kind: Any = None, state: Any = None, value: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """What the account may speak as, oldest first."""
        return self._call("GET", "/v1/identities", {"channel": channel, "kind": kind, "state": state, "value": value, "limit": limit, "cursor": cursor})

    def list_keys(self, *, limit: Any = None, cursor: Any = None) -> Any:
        """The account's keys, without their secrets."""
        return self._call("GET", "/v1/keys", {"limit": limit, "cursor": cursor})

    def list_messages(self, *, to: Any = None, ref: Any = None, request_id: Any = None, channel: Any = None, status: Any = None, code: Any = None, vendor: Any = None, lane: Any = None, request_ref: Any = None, vendor_ref: Any = None, since: Any = None, until: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Find messages, newest first."""
        return self._call("GET", "/v1/messages", {"to": to, "ref": ref, "request_id": request_id, "channel": channel, "status": status, "code": code, "vendor": vendor, "lane": lane, "request_ref": request_ref, "vendor_ref": vendor_ref, "since": since, "until": until, "limit": limit, "cursor": cursor})

    def list_prices(self, *, at: Any = None, channel: Any = None) -> Any:
        """What a delivered message costs, by channel, type, country and vendor."""
        return self._call("GET", "/v1/prices", {"at": at, "channel": channel})

    def list_reports(self, *, request_id: Any = None, since: Any = None, until: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Final reports in order, none skipped."""
        return self._call("GET", "/v1/reports", {"request_id": request_id, "since": since, "until": until, "limit": limit, "cursor": cursor})

    def list_requests(self, *, lane: Any = None, request_ref: Any = None, since: Any = None, until: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Requests, newest first, each with its messages counted by state."""
        return self._call("GET", "/v1/requests", {"lane": lane, "request_ref": request_ref, "since": since, "until": until, "limit": limit, "cursor": cursor})

    def list_senders(self, *, state: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """The sender numbers among the identities."""
        return self._call("GET", "/v1/senders", {"state": state, "limit": limit, "cursor": cursor})

    def list_suppressions(self, *, to: Any = None, channel: Any = None, reason: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Addresses that may not be mailed any more."""
        return self._call("GET", "/v1/suppressions", {"to": to, "channel": channel, "reason": reason, "limit": limit, "cursor": cursor})

    def list_template_versions(self, code: str, *, channel: Any = None) -> Any:
        """All versions, newest first."""
        return self._call("GET", f"/v1/templates/{urllib.parse.quote(str(code), safe='')}/versions", {"channel": channel})

    def list_templates(self, *, channel: Any = None, code: Any = None, state: Any = None, limit: Any = None, cursor: Any = None) -> Any:
        """Templates with their newest version, oldest first."""
        return self._call("GET", "/v1/templates", {"channel": channel, "code": code, "state": state, "limit": limit, "cursor": cursor})

    def patch_admin_accounts_by_username(self, username: str, body: Json) -> Any:
        """Change an account's limits or callback; it counts within 10 s."""
        return self._call("PATCH", f"/v1/admin/accounts/{urllib.parse.quote(str(username), safe='')}", body=body)

    def patch_admin_accounts_by_username_people_by_id(self, username: str, id: str, body: Json) -> None:
        """Change roles or state of one of an account's people."""
        self._call("PATCH", f"/v1/admin/accounts/{urllib.parse.quote(str(username), safe='')}/people/{urllib.parse.quote(str(id), safe='')}", body=body)

    def patch_admin_people_by_id(self, id: str, body: Json) -> Any:
        """Change roles or state of one."""
        return self._call("PATCH", f"/v1/admin/people/{urllib.parse.quote(str(id), safe='')}", body=body)

    def patch_admin_vendors_by_vendor_by_account(self, vendor: str, account: str, body: Json, *, dry_run: Any = None) -> Any:
        """Change weight, switch or settings of a vendor account; settings are written and never read. The dry run shows the shares as they would be."""
        return self._call("PATCH", f"/v1/admin/vendors/{urllib.parse.quote(str(vendor), safe='')}/{urllib.parse.quote(str(account), safe='')}", {"dry_run": dry_run}, body=body)

    def patch_contacts_by_id(self, id: str, body: Json, *, if_match: Any = None) -> Any:
        """Change what is given of a contact."""
        return self._call("PATCH", f"/v1/contacts/{urllib.parse.quote(str(id), safe='')}", body=body, headers={"if-match": if_match})

    def patch_groups_by_id(self, id: str, body: Json, *, if_match: Any = None) -> Any:
        """Rename a group; what has been accepted for it stays as it is."""
        return self._call("PATCH", f"/v1/groups/{urllib.parse.quote(str(id), safe='')}", body=body, headers={"if-match": if_match})

    def patch_identity(self, id: str, body: Json, *, if_match: Any = None) -> Any:
        """The same as PUT."""
        return self._call("PATCH", f"/v1/identities/{urllib.parse.quote(str(id), safe='')}", body=body, headers={"if-match": if_match})

    def patch_people_by_id(self, id: str, body: Json) -> Any:
        """Change roles or state of one."""
        return self._call("PATCH", f"/v1/people/{urllib.parse.quote(str(id), safe='')}", body=body)

    def post_admin_accounts(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Open an account. Its first key: POST …/{username}/keys; its first person: …/people/invitations."""
        return self._call("POST", "/v1/admin/accounts", body=body, once=idempotency_key)

    def post_admin_accounts_by_username_people_invitations(self, username: str, body: Json, *, idempotency_key: str = "") -> Any:
        """Ask somebody into an account: its first owner."""
        return self._call("POST", f"/v1/admin/accounts/{urllib.parse.quote(str(username), safe='')}/people/invitations", body=body, once=idempotency_key)

    def post_admin_accounts_by_username_resume(self, username: str, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Open a suspended account again; held reservations leave at their times, or now where those have passed."""
        return self._call("POST", f"/v1/admin/accounts/{urllib.parse.quote(str(username), safe='')}/resume", {"dry_run": dry_run}, once=idempotency_key)

    def post_admin_accounts_by_username_suspend(self, username: str, body: Json, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Close an account to all of its keys and people, until it is resumed; what it had sent goes on to its end."""
        return self._call("POST", f"/v1/admin/accounts/{urllib.parse.quote(str(username), safe='')}/suspend", {"dry_run": dry_run}, body=body, once=idempotency_key)

    def post_admin_alarms_by_id_acknowledge(self, id: str, body: Json, *, idempotency_key: str = "") -> Any:
        """Say that you see to an alarm; it holds until this outage has ended. Others see your name."""
        return self._call("POST", f"/v1/admin/alarms/{urllib.parse.quote(str(id), safe='')}/acknowledge", body=body, once=idempotency_key)

    def post_admin_alarms_by_id_mute(self, id: str, body: Json, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Tell nobody of an alarm until then, at most 7 days; if it still fires at its end, it is told once."""
        return self._call("POST", f"/v1/admin/alarms/{urllib.parse.quote(str(id), safe='')}/mute", {"dry_run": dry_run}, body=body, once=idempotency_key)

    def post_admin_dead_by_id_drop(self, id: str, body: Json, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Give a waiting letter up; it is removed after 30 days."""
        return self._call("POST", f"/v1/admin/dead/{urllib.parse.quote(str(id), safe='')}/drop", {"dry_run": dry_run}, body=body, once=idempotency_key)

    def post_admin_dead_by_id_replay(self, id: str, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Publish a dead letter again, as it was, to where it came from; once."""
        return self._call("POST", f"/v1/admin/dead/{urllib.parse.quote(str(id), safe='')}/replay", {"dry_run": dry_run}, once=idempotency_key)

    def post_admin_dead_drop(self, body: Json, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Give up all that wait with a topic or a reason; `count` must be how many there are."""
        return self._call("POST", "/v1/admin/dead/drop", {"dry_run": dry_run}, body=body, once=idempotency_key)

    def post_admin_dead_replay(self, body: Json, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Replay those that wait with a topic or a reason, at most 200 a call; ?dry_run=true says how many there are."""
        return self._call("POST", "/v1/admin/dead/replay", {"dry_run": dry_run}, body=body, once=idempotency_key)

    def post_admin_lanes_by_lane_pause(self, lane: str, body: Json, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Let nothing of a lane leave for vendors, from some seconds after on, for some minutes."""
        return self._call("POST", f"/v1/admin/lanes/{urllib.parse.quote(str(lane), safe='')}/pause", {"dry_run": dry_run}, body=body, once=idempotency_key)

    def post_admin_lanes_by_lane_resume(self, lane: str, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Let a lane go on: what waited leaves now, but for what has expired."""
        return self._call("POST", f"/v1/admin/lanes/{urllib.parse.quote(str(lane), safe='')}/resume", {"dry_run": dry_run}, once=idempotency_key)

    def post_admin_people_invitations(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Ask an operator in by mail."""
        return self._call("POST", "/v1/admin/people/invitations", body=body, once=idempotency_key)

    def post_admin_prices(self, body: Json, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Enter a price from a moment on, which lies in the future: what was accepted keeps its price."""
        return self._call("POST", "/v1/admin/prices", {"dry_run": dry_run}, body=body, once=idempotency_key)

    def post_admin_vendors_by_vendor_by_account_drain(self, vendor: str, account: str, body: Json, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Give a vendor account nothing new; what it has goes on, its receipts count, it is asked about the uncertain."""
        return self._call("POST", f"/v1/admin/vendors/{urllib.parse.quote(str(vendor), safe='')}/{urllib.parse.quote(str(account), safe='')}/drain", {"dry_run": dry_run}, body=body, once=idempotency_key)

    def post_admin_vendors_by_vendor_by_account_reset(self, vendor: str, account: str, *, idempotency_key: str = "") -> Any:
        """Close a vendor account's breakers by hand: its vendor is called again at once."""
        return self._call("POST", f"/v1/admin/vendors/{urllib.parse.quote(str(vendor), safe='')}/{urllib.parse.quote(str(account), safe='')}/reset", once=idempotency_key)

    def post_admin_vendors_by_vendor_by_account_test(self, vendor: str, account: str, *, idempotency_key: str = "") -> Any:
        """Whether a vendor's address answers, and how fast; nothing is sent to anybody."""
        return self._call("POST", f"/v1/admin/vendors/{urllib.parse.quote(str(vendor), safe='')}/{urllib.parse.quote(str(account), safe='')}/test", once=idempotency_key)

    def post_admin_vendors_by_vendor_by_account_undrain(self, vendor: str, account: str, body: Json, *, dry_run: Any = None, idempotency_key: str = "") -> Any:
        """Give a vendor account new messages again."""
        return self._call("POST", f"/v1/admin/vendors/{urllib.parse.quote(str(vendor), safe='')}/{urllib.parse.quote(str(account), safe='')}/undrain", {"dry_run": dry_run}, body=body, once=idempotency_key)

    def post_consents(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Note what a recipient has agreed to; it takes the place of the consent before, and ends an older opt-out."""
        return self._call("POST", "/v1/consents", body=body, once=idempotency_key)

    def post_contacts(self, body: Json, *, merge: Any = None, idempotency_key: str = "") -> Any:
        """Make a contact; a known address is 409 with its contact's id, or (`merge=true`) adds to that one."""
        return self._call("POST", "/v1/contacts", {"merge": merge}, body=body, once=idempotency_key)

    def post_groups(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Make a group; contacts name the groups that they are in."""
        return self._call("POST", "/v1/groups", body=body, once=idempotency_key)

    def post_invitations_by_token(self, token: str, body: Json) -> Any:
        """Come in; who is new gives a name and a password, who is known the password, unless signed in as that person."""
        return self._call("POST", f"/v1/invitations/{urllib.parse.quote(str(token), safe='')}", body=body)

    def post_me_totp(self) -> Any:
        """A secret for an authenticator app; it counts once a code of it was shown (PUT)."""
        return self._call("POST", "/v1/me/totp")

    def post_me_totp_recovery(self) -> Any:
        """Ten new recovery codes; the ones before are dead."""
        return self._call("POST", "/v1/me/totp/recovery")

    def post_optouts(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Note that a recipient wants no more; it holds within 5 s for all that has not left. 200 when it held already."""
        return self._call("POST", "/v1/optouts", body=body, once=idempotency_key)

    def post_passwords_by_token(self, token: str, body: Json) -> None:
        """Set a password by a link, which works once; every session ends, a second factor stays."""
        self._call("POST", f"/v1/passwords/{urllib.parse.quote(str(token), safe='')}", body=body)

    def post_passwords_reset(self, body: Json) -> Any:
        """Ask for a link; 202, whoever it is."""
        return self._call("POST", "/v1/passwords/reset", body=body)

    def post_people_invitations(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Ask somebody in by mail; asked again, the address gets a new link and the one before is dead."""
        return self._call("POST", "/v1/people/invitations", body=body, once=idempotency_key)

    def post_sessions(self, body: Json) -> Any:
        """Begin a session; 201 with its cookie."""
        return self._call("POST", "/v1/sessions", body=body)

    def post_sessions_current_confirm(self, body: Json) -> Any:
        """Give the password again, so that dangerous steps are open for ten minutes in this session."""
        return self._call("POST", "/v1/sessions/current/confirm", body=body)

    def post_uploads(self, *, channel: Any = None, lane: Any = None, name: Any = None, idempotency_key: str = "") -> Any:
        """Take a CSV or XLSX in, raw or as the file of a form; 202: its check begins."""
        return self._call("POST", "/v1/uploads", {"channel": channel, "lane": lane, "name": name}, once=idempotency_key)

    def post_uploads_by_id_cancel(self, id: str, *, idempotency_key: str = "") -> Any:
        """Send no more of it; what was accepted goes on, and can be cancelled by its requests."""
        return self._call("POST", f"/v1/uploads/{urllib.parse.quote(str(id), safe='')}/cancel", once=idempotency_key)

    def post_uploads_by_id_pause(self, id: str, *, idempotency_key: str = "") -> Any:
        """Stop sending for now; what was accepted goes on."""
        return self._call("POST", f"/v1/uploads/{urllib.parse.quote(str(id), safe='')}/pause", once=idempotency_key)

    def post_uploads_by_id_resume(self, id: str, *, idempotency_key: str = "") -> Any:
        """Go on sending."""
        return self._call("POST", f"/v1/uploads/{urllib.parse.quote(str(id), safe='')}/resume", once=idempotency_key)

    def post_uploads_by_id_send(self, id: str, body: Json, *, idempotency_key: str = "") -> Any:
        """Send the good rows, as a job. 409 `sent-already` where the same was sent to the same within 24 hours."""
        return self._call("POST", f"/v1/uploads/{urllib.parse.quote(str(id), safe='')}/send", body=body, once=idempotency_key)

    def preview_template(self, code: str, body: Json, *, channel: Any = None) -> Any:
        """What the handset would show."""
        return self._call("POST", f"/v1/templates/{urllib.parse.quote(str(code), safe='')}/preview", {"channel": channel}, body=body)

    def put_admin_functions_by_name_log_level(self, name: str, body: Json, *, dry_run: Any = None) -> Any:
        """Change the log level of a process, or of a logger or instance of it: within 15 s; it ends by itself."""
        return self._call("PUT", f"/v1/admin/functions/{urllib.parse.quote(str(name), safe='')}/log-level", {"dry_run": dry_run}, body=body)

    def put_me_password(self, body: Json) -> None:
        """Another password; all other sessions end, and links to a new one are dead."""
        self._call("PUT", "/v1/me/password", body=body)

    def put_me_totp(self, body: Json) -> Any:
        """Begin to use it, proved by a code; answers the recovery codes, once. All other sessions end."""
        return self._call("PUT", "/v1/me/totp", body=body)

    def put_sessions_current(self, body: Json) -> Any:
        """Go on in another account of the same person."""
        return self._call("PUT", "/v1/sessions/current", body=body)

    def put_uploads_by_id(self, id: str, body: Json) -> Any:
        """Say what is to be sent and which column is what; the file is checked anew."""
        return self._call("PUT", f"/v1/uploads/{urllib.parse.quote(str(id), safe='')}", body=body)

    def register_device(self, body: Json) -> Any:
        """Register a device, or tell that it is there still."""
        return self._call("PUT", "/v1/devices", body=body)

    def replay_message(self, message_id: str, *, idempotency_key: str = "") -> Any:
        """Send a final message's report again."""
        return self._call("POST", f"/v1/messages/{urllib.parse.quote(str(message_id), safe='')}/report/replay", once=idempotency_key)

    def replay_reports(self, body: Json, *, idempotency_key: str = "") -> Any:
        """Send many final reports again."""
        return self._call("POST", "/v1/reports/replay", body=body, once=idempotency_key)

    def rotate_callback_secret(self, body: Json | None = None, *, idempotency_key: str = "") -> Any:
        """A new secret for signatures, shown once."""
        return self._call("POST", "/v1/callbacks/secrets/rotate", body=body, once=idempotency_key)

    def rotate_key(self, id: str, body: Json | None = None, *, idempotency_key: str = "") -> Any:
        """Give it a new secret, shown once."""
        return self._call("POST", f"/v1/keys/{urllib.parse.quote(str(id), safe='')}/rotate", body=body, once=idempotency_key)

    def send_digest(self, date: str, *, idempotency_key: str = "") -> Any:
        """Send a day's digest now, once more where it was sent before."""
        return self._call("POST", f"/v1/digests/{urllib.parse.quote(str(date), safe='')}/send", once=idempotency_key)

    def send_email(self, body: Json, *, dry_run: Any = None, messages: Any = None, idempotency_key: str = "") -> Any:
        """Send: E-mail. What a client may ask of it, and what holds for each recipient."""
        return self._call("POST", "/v1/email/messages", {"dry_run": dry_run, "messages": messages}, body=body, once=idempotency_key)

    def send_kakao(self, body: Json, *, dry_run: Any = None, messages: Any = None, idempotency_key: str = "") -> Any:
        """Send: KakaoTalk (카카오톡): AlimTalk by approved templates, Brand Messages as advertisements."""
        return self._call("POST", "/v1/kakao/messages", {"dry_run": dry_run, "messages": messages}, body=body, once=idempotency_key)

    def send_mt(self, body: Json, *, dry_run: Any = None, messages: Any = None, idempotency_key: str = "") -> Any:
        """Send text messages (SMS, LMS, MMS)."""
        return self._call("POST", "/v1/mt/messages", {"dry_run": dry_run, "messages": messages}, body=body, once=idempotency_key)

    def send_push(self, body: Json, *, dry_run: Any = None, messages: Any = None, idempotency_key: str = "") -> Any:
        """Send: Push messages: FCM, APNs and Web Push under one content, to a token or to all devices of a user."""
        return self._call("POST", "/v1/push/messages", {"dry_run": dry_run, "messages": messages}, body=body, once=idempotency_key)

    def send_rcs(self, body: Json, *, dry_run: Any = None, messages: Any = None, idempotency_key: str = "") -> Any:
        """Send: RCS (Rich Communication Suite): texts, cards and carousels with buttons, by the carriers' formats."""
        return self._call("POST", "/v1/rcs/messages", {"dry_run": dry_run, "messages": messages}, body=body, once=idempotency_key)

    def submit_template(self, code: str, *, channel: Any = None, idempotency_key: str = "") -> Any:
        """Hand the newest draft in for review."""
        return self._call("POST", f"/v1/templates/{urllib.parse.quote(str(code), safe='')}/submit", {"channel": channel}, once=idempotency_key)

    def test_callback(self, body: Json | None = None) -> Any:
        """Send one signed test call and tell what came back."""
        return self._call("POST", "/v1/callbacks/test", body=body)

    def upload_file(self, body: bytes, *, name: Any = None, content_type: str = "application/octet-stream", idempotency_key: str = "") -> Any:
        """Upload an image for later MMS."""
        return self._call("POST", "/v1/files", {"name": name}, body=body, headers={"content-type": content_type}, once=idempotency_key)
