"""An e-mail domain: the DNS records that its owner has to set, made with keys of ours, and whether they are there.

DKIM twice (RSA 2048 for all receivers, ed25519 for those that know it, RFC 8463), SPF and MX of the return path's
domain, so that bounces come back to us and SPF is aligned, and DMARC, whatever its policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.domain.errors import Unavailable
from shared.runtime.settings import DomainSettings, load

RETURN_PATH = "bounce"

Json = dict[str, Any]


class Record(NamedTuple):
    """A record that must be there; `required` for the domain to be approved."""

    purpose: str
    name: str
    type: str
    value: str
    required: bool = True


def selectors(identity: str) -> dict[str, str]:
    """The DKIM selectors of an identity (its id in hex): several accounts may send for one domain."""
    return {"dkim_rsa": f"ims-{identity[-8:]}-r", "dkim_ed25519": f"ims-{identity[-8:]}-e"}


def return_path(domain: str, settings: Mapping[str, Any]) -> str:
    """The domain of the envelope's sender: a part of the domain, so that SPF is aligned."""
    return str(settings.get("return_path") or f"{RETURN_PATH}.{domain}")


def records(domain: str, identity: str, settings: Mapping[str, Any]) -> list[Record]:
    """What has to stand in DNS. `settings["public"]` are the keys' public parts."""
    installation, public, names = load(DomainSettings), settings.get("public", {}), selectors(identity)
    path = return_path(domain, settings)
    kinds = {"dkim_rsa": "rsa", "dkim_ed25519": "ed25519"}
    dkim = [
        Record(name, f"{names[name]}._domainkey.{domain}", "TXT", f"v=DKIM1; k={kind}; p={public[name]}", kind == "rsa")
        for name, kind in kinds.items()
        if name in public
    ]
    return [
        *dkim,
        Record("return_path", path, "MX", f"10 {installation.email_bounce_host}"),
        Record("spf", path, "TXT", f"v=spf1 {installation.email_spf} ~all"),
        Record("dmarc", f"_dmarc.{domain}", "TXT", "v=DMARC1; p=none"),
    ]


async def check(wanted: list[Record]) -> dict[str, Json]:
    """purpose → {"state": ok, missing, wrong or unknown (nobody answered), "found": what is there}."""
    resolver = _resolver()
    return {record.purpose: await _look(resolver, record) for record in wanted}


def _resolver() -> Any:
    import dns.asyncresolver

    settings = load(DomainSettings)
    resolver = dns.asyncresolver.Resolver(configure=not settings.dns_nameservers)
    if settings.dns_nameservers:
        import dns.nameserver

        resolver.nameservers = [
            dns.nameserver.Do53Nameserver(host, int(port or 53))
            for host, _, port in (part.strip().partition(":") for part in settings.dns_nameservers.split(","))
        ]
    resolver.lifetime = settings.dns_timeout_seconds
    resolver.cache = None
    return resolver


async def _look(resolver: Any, record: Record) -> Json:
    import dns.exception
    import dns.resolver

    try:
        answer = await resolver.resolve(record.name, record.type)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return {"state": "missing", "found": []}
    except (dns.exception.DNSException, OSError):
        return {"state": "unknown", "found": []}
    found = [_said(item, record.type) for item in answer][:20]
    good = any(_fits(record, text) for text in found)
    return {"state": "ok" if good else _absent(record, found), "found": [text[:1000] for text in found]}


def _said(item: Any, kind: str) -> str:
    if kind == "TXT":
        return b"".join(item.strings).decode("utf-8", "replace")
    return f"{item.preference} {str(item.exchange).rstrip('.').lower()}"


def _absent(record: Record, found: list[str]) -> str:
    """Other texts beside it are somebody else's business: only one of its own kind is wrong."""
    head = record.value.partition(" ")[0].rstrip(";").lower()
    own = record.type == "MX" or any(text.lower().startswith(head) for text in found)
    return "wrong" if own else "missing"


def _fits(record: Record, text: str) -> bool:
    if record.type == "MX":
        return text.partition(" ")[2] == record.value.partition(" ")[2].lower()
    if record.purpose == "dmarc":
        return text.replace(" ", "").lower().startswith("v=dmarc1;p=")
    if record.purpose == "spf":
        mechanisms = record.value.split()[1:-1]
        return text.lower().startswith("v=spf1 ") and set(mechanisms) <= set(text.split())
    return _tags(text).get("p") == _tags(record.value)["p"]


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs if name.strip()}


def passes(wanted: list[Record], results: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether all that is required is there; Unavailable when nobody could be asked."""
    states = [results[record.purpose]["state"] for record in wanted if record.required]
    if states and all(state == "unknown" for state in states):
        raise Unavailable("no name server answers")
    return all(state == "ok" for state in states)
