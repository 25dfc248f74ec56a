"""What a person would have typed in place of each sign that Korean handsets cannot show, from Unicode's own data.

Written into shared/domain/replacements.py. In this order: what is set by hand, with its reason; what Unicode calls
compatible (decompositions, both ways: £ is the narrow ￡); letters without their strokes and hooks, by their
names; dashes, blanks, quotation marks and arrows, by category and name; signs that look alike (confusables.tsv,
from Unicode's confusables.txt, UTS #39), where they are of one kind. What is left has no counterpart.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from textwrap import wrap

from local.home import ROOT
from shared.domain import text

PATH = ROOT / "shared/domain/replacements.py"
LIKE = Path(__file__).with_name("confusables.tsv")

BY_HAND: dict[str, str] = {
    # quotation marks: the straight ones are one byte and stand everywhere; Unicode calls ‚ a comma's double
    **dict.fromkeys("\u201a\u201b\u2032\u2035\u02bc\u02b9\u02bb\u2039\u203a\u275b\u275c\u275f", "'"),
    **dict.fromkeys("\u201e\u201f\u2033\u2036\u00ab\u00bb\u275d\u275e\u2760\u301d\u301e\u301f", '"'),
    **dict.fromkeys("\u2034\u2037", "'''"),
    # dots in the middle of a line: the Korean 가운뎃점
    **dict.fromkeys("\u2022\u2023\u2027\u2219\u22c5\u30fb\uff65\u2043\u25e6\u2e31\u2e33\u16eb\ua78f", "\u00b7"),
    "\u2043": "-",
    # … and rows of them: cp949 has the one on the line
    **dict.fromkeys("\u22ef\u22ee\u22f0\u22f1\u205e", "\u2026"),
    # lines of text
    **dict.fromkeys("\u2028\u2029\u0085\u000b\u000c", "\n"),
    # dashes and tildes
    **dict.fromkeys("\u2e3a\u2e3b", "--"),
    "\u301c": "\uff5e",
    "\u3030": "\uff5e",
    "\u30a0": "=",
    "\u203e": "\uffe3",
    "\u2017": "_",
    # mathematics as Korean keyboards have it
    **{"\u2248": "\u2252", "\u2243": "\u2252", "\u2245": "\u2252", "\u2266": "\u2264", "\u2267": "\u2265"},
    **{"\u2a7d": "\u2264", "\u2a7e": "\u2265", "\u2205": "\u00d8", "\u2300": "\u00d8", "\u2206": "\u0394"},
    **{"\u2223": "|", "\u2016": "\u2225", "\u22c1": "\u2228", "\u22c0": "\u2227", "\u22c2": "\u2229"},
    **{"\u22c3": "\u222a", "\u2213": "\u00b1", "\u2a2f": "\u00d7", "\u2715": "\u00d7", "\u2716": "\u00d7"},
    **{"\u2228": "\u2228", "\u00a6": "|", "\u2295": "+", "\u2296": "-", "\u2297": "\u00d7"},
    # currencies without a sign of their own there: by their code, as people write prices
    "\u20a9": "\uffe6",
    **{"\u20b9": "INR", "\u20bd": "RUB", "\u20ba": "TRY", "\u20bf": "BTC", "\u20b1": "PHP", "\u20ab": "VND"},
    **{"\u0e3f": "THB", "\u20aa": "ILS", "\u20a6": "NGN", "\u20b4": "UAH", "\u20b8": "KZT", "\u20a1": "CRC"},
    **{"\u20b2": "PYG", "\u20b5": "GHS", "\u20ad": "LAK", "\u20ae": "MNT", "\u20be": "GEL", "\u20bc": "AZN"},
    **{"\u20a3": "F", "\u20a4": "\uffe1", "\u20a8": "Rs"},
    # ticks, crosses, shapes and stars of emoji keyboards that have a plain form
    **dict.fromkeys("\u2713\u2714\u2705\u2611", "v"),
    **dict.fromkeys("\u2717\u2718\u274c\u2612", "x"),
    **{"\u2764": "\u2665", "\u2b50": "\u2605", "\u2729": "\u2606", "\u2b55": "\u25cb", "\u25ef": "\u25cb"},
    **{"\u26aa": "\u25cb", "\u26ab": "\u25cf", "\u2b24": "\u25cf", "\u2b1c": "\u25a1", "\u2b1b": "\u25a0"},
    **{"\u25fb": "\u25a1", "\u25fc": "\u25a0", "\u25fd": "\u25a1", "\u25fe": "\u25a0", "\u25aa": "\u25a0"},
    **{"\u25ab": "\u25a1", "\u25b8": "\u25b6", "\u25ba": "\u25b6", "\u25b9": "\u25b7", "\u25be": "\u25bc"},
    **{"\u25c2": "\u25c0", "\u25c4": "\u25c0", "\u25b4": "\u25b2", "\u266f": "#", "\u2795": "+", "\u2796": "-"},
    **{"\u2797": "\u00f7", "\u2731": "*", "\u204e": "*", "\u2757": "!", "\u2755": "!", "\u2753": "?", "\u2754": "?"},
    "\u00a9": "(c)",
    # letters whose doubles Unicode draws alike in another case or alphabet
    **{"\u0406": "I", "\u04c0": "I", "\u0404": "\u042d", "\u0454": "\u044d", "\u0407": "I", "\u0457": "i"},
    **{"\u018f": "E", "\u0259": "e", "\u1e9e": "SS"},
    # brackets and zero as Korean and Japanese keyboards have them
    **{"\u27e8": "\u3008", "\u27e9": "\u3009", "\u27ea": "\u300a", "\u27eb": "\u300b", "\u3007": "\u25cb"},
    **{"\u27e6": "[", "\u27e7": "]", "\u066a": "%", "\u060c": ",", "\u061b": ";", "\u061f": "?"},
    # what says "not": without its stroke it would say the opposite
    **dict.fromkeys("\u2244\u2247\u2249\u2262", "\u2260"),
}  # fmt: skip
"""Each group says why; a sign's own entry goes before its group's."""
ARROWS: tuple[tuple[str, str], ...] = (
    ("LEFT RIGHT", "\u2194"),
    ("UP DOWN", "\u2195"),
    ("NORTH EAST", "\u2197"),
    ("NORTH WEST", "\u2196"),
    ("SOUTH EAST", "\u2198"),
    ("SOUTH WEST", "\u2199"),
    ("RIGHTWARDS", "\u2192"),
    ("LEFTWARDS", "\u2190"),
    ("UPWARDS", "\u2191"),
    ("DOWNWARDS", "\u2193"),
)
"""What an arrow's name says of its direction → the plain arrow."""
CIRCLED_ONE, CIRCLED = 0x2460, 15
"""cp949 has ① to ⑮."""
OVERLAY = 1
"""The combining class of strokes through a sign: ∉ is not ∈."""
ALPHABETS = ("LATIN", "GREEK", "CYRILLIC")


def _sendable(written: str) -> bool:
    return bool(written) and text.measure(written) is not None


def _signs() -> Iterator[str]:
    """Every sign of cp949."""
    yield from map(chr, range(0x20, 0x7F))
    for pair in product(range(0x81, 0xFF), range(0x41, 0xFF)):
        if (sign := bytes(pair).decode("cp949", "replace")).encode("cp949", "replace") == bytes(pair):
            yield sign


@cache
def _by_decomposition() -> dict[str, str]:
    """What every sign of cp949 is taken apart into → that sign."""
    found: dict[str, str] = {}
    for char in _signs():
        found.setdefault(unicodedata.normalize("NFKD", char), char)
    return found


@cache
def _alike() -> dict[str, str]:
    rows = (line.split("\t") for line in LIKE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return {chr(int(sign, 16)): "".join(chr(int(c, 16)) for c in like.split()) for sign, like in rows}


def _compatible(char: str) -> str | None:
    apart = unicodedata.normalize("NFKD", char)
    whole = unicodedata.normalize("NFC", apart)
    if whole != char and whole.strip() and _sendable(whole):
        return whole
    if (same := _by_decomposition().get(apart)) is not None:
        return same
    if any(unicodedata.combining(c) == OVERLAY for c in apart):
        return None
    bare = unicodedata.normalize("NFC", "".join(_plain(c) for c in apart if not unicodedata.combining(c)))
    return bare if bare != char and bare.strip() and _sendable(bare) else None


def _plain(part: str) -> str:
    """One sign of a decomposition: the fraction slash and its like are replaced themselves."""
    return part if _sendable(part) else BY_HAND.get(part) or _by_kind(part) or part


def _by_kind(char: str) -> str | None:
    """Dashes, blanks, quotation marks, arrows and numbers in circles."""
    kind, name = unicodedata.category(char), unicodedata.name(char, "")
    if kind == "Pd" or name in ("MINUS SIGN", "FRACTION SLASH", "DIVISION SLASH"):
        return "/" if "SLASH" in name else "-"
    if kind == "Zs":
        return " "
    if kind in ("Pi", "Pf") or "QUOTATION MARK" in name:
        return "'" if "SINGLE" in name else '"'
    if kind == "No" and "CIRCLED" in name and unicodedata.numeric(char).is_integer():
        number = int(unicodedata.numeric(char))
        return chr(CIRCLED_ONE + number - 1) if 0 < number <= CIRCLED else f"({number})"
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    if kind in ("So", "Sm") and "ARROW" in name.split() and "STROKE" not in name:
        return next((plain for word, plain in ARROWS if word in name and _sendable(plain)), None)
    return None


def _by_name(char: str) -> str | None:
    """A letter without its stroke, hook or tail."""
    name = unicodedata.name(char, "")
    if name.startswith(ALPHABETS) and " WITH " in name:
        try:
            base = unicodedata.lookup(name.partition(" WITH ")[0])
        except KeyError:
            return None
        return base if _sendable(base) else None
    return None


def _by_look(char: str) -> str | None:
    like = _alike().get(char)
    return like if like is not None and _sendable(like) and all(_one_kind(char, c) for c in like) else None


def _one_kind(char: str, like: str) -> bool:
    kind, other = unicodedata.category(char), unicodedata.category(like)
    return kind == other if kind[0] == "L" else kind[0] in "PS" and other[0] in "PS"


def instead(char: str) -> str | None:
    """What stands for a sign that cp949 lacks; None when Unicode knows nothing."""
    if (given := BY_HAND.get(char)) is not None:
        return given
    if unicodedata.category(char) == "No" and (number := _by_kind(char)) is not None:
        return number
    for rule in (_compatible, _by_kind, _by_name, _by_look):
        if (found := rule(char)) is not None:
            return found
    return None


_NOTHING = frozenset({"Cn", "Co", "Cs"})


def _unseen(char: str) -> bool:
    return text.blank(char) and not char.isspace() and char not in BY_HAND


def _known(char: str) -> bool:
    """Whether there is a decomposition of a sign, or a sign of which it is one."""
    return bool(unicodedata.decomposition(char)) or char in _by_decomposition() or char in BY_HAND


def _entries() -> Iterator[tuple[str, str]]:
    for char in map(chr, range(0x110000)):
        kind = unicodedata.category(char)
        if kind in _NOTHING or (kind == "Lo" and not _known(char)) or _unseen(char) or _sendable(char):
            continue
        if (found := instead(char)) is not None:
            yield found, char


def table() -> dict[str, str]:
    """Every sign with what stands for it."""
    return {char: found for found, char in _entries()}


def render() -> str:
    """The module; as it is where this Python knows another Unicode than the one that it was made from."""
    made = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    version = f"Unicode {unicodedata.unidata_version}"
    if made and version not in made:
        return made
    groups: dict[str, list[str]] = {}
    for found, char in _entries():
        groups.setdefault(found, []).append(f"{ord(char):04X}")
    lines = []
    for found, chars in sorted(groups.items()):
        head = "+".join(f"{ord(c):04X}" for c in found)
        lines += wrap(f"{head} {' '.join(chars)}", 118, subsequent_indent=f"{head} ", break_on_hyphens=False)
    return _HEAD.format(version=version) + "\n".join(lines) + '\n"""\n'


_HEAD = '''"""Generated by `make docs` from local/docs/replacements.py and {version}: do not edit.

What a person would have typed, as code points joined by +, and the signs that it stands for.
"""

from __future__ import annotations


def read() -> dict[str, str]:
    """Sign → what stands for it."""
    rows = (line.split() for line in TABLE.split("\\n") if line)
    return {{chr(int(c, 16)): "".join(chr(int(p, 16)) for p in row[0].split("+")) for row in rows for c in row[1:]}}


TABLE = """
'''
