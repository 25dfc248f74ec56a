"""The console's words for result codes: what they mean and what to do, from the tables that digests use."""

from __future__ import annotations

import json

from shared.digest import advice


def words(language: str) -> str:
    """One language's file: `code` and `advice`, by code."""
    found = {code: advice.of(code, language) for code in advice.TABLE}
    delivered = {"ko": "전달되었습니다", "en": "delivered"}[language]
    told = {
        "code": {"0000": delivered, **{code: one.detail for code, one in found.items()}},
        "advice": {code: one.advice for code, one in found.items()},
        "resend": {code: one.resend for code, one in found.items()},
    }
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"
