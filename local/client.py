"""A small client of the gateway, for the command line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from local.control import current
from local.home import Home
from local.problems import Problem

Json = dict[str, Any]
PAUSE = 0.1


def demo_account(home: Home) -> Json:
    """The keys and addresses of demo.json."""
    demo = home.read(home.demo_file)
    if demo is None:
        raise Problem("there is no demo account yet", "start the platform with `ims up`")
    return demo


class Gateway:
    """The API with one of the demo account's keys."""

    def __init__(self, kind: str = "live", home: Home | None = None) -> None:
        self.demo = demo_account(home or current().home)
        self._http = httpx2.Client(
            base_url=self.demo["gateway"],
            headers={"authorization": f"Bearer {self.demo[f'{kind}_key']}"},
            timeout=30,
        )

    def get(self, path: str, **query: Any) -> Json:
        """GET, or a Problem that says what the API said."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Json, **headers: str) -> Json:
        """POST with a fresh Idempotency-Key."""
        return self._call("POST", path, json=body, headers={"idempotency-key": str(uuid4()), **headers})

    def put(self, path: str, body: Json) -> Json:
        """PUT."""
        return self._call("PUT", path, json=body)

    def delete(self, path: str) -> None:
        """DELETE."""
        self._call("DELETE", path)

    def upload(self, path: str, file: Path, **query: str) -> Json:
        """POST a file as it is, streamed."""
        with file.open("rb") as body:
            headers = {"content-type": "application/octet-stream", "idempotency-key": str(uuid4())}
            query = {"name": file.name, **query}
            return self._call("POST", path, content=body, headers=headers, params=query, timeout=None)

    def download(self, path: str, out: Path) -> None:
        """GET into a file, which is there only when it is whole."""
        part = out.with_name(out.name + ".part")
        with self._http.stream("GET", path, timeout=None) as response:
            if not response.is_success:
                response.read()
                raise Problem(f"GET {path}: {response.status_code} {_reason(response)}", "see `ims logs gateway`")
            with part.open("wb") as file:
                for piece in response.iter_bytes():
                    file.write(piece)
        part.replace(out)

    def wait_for_end(self, message_id: str, seconds: float) -> Json | None:
        """The message once it is final; None when it is not within `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            message = self.get(f"/v1/messages/{message_id}")
            if message.get("finished_at"):
                return message
            time.sleep(PAUSE)
        return None

    def _call(self, method: str, path: str, **more: Any) -> Json:
        try:
            response = self._http.request(method, path, **more)
        except httpx2.TransportError as error:
            raise Problem(f"{self.demo['gateway']} does not answer ({error})", "start it with `ims up`") from None
        if response.is_success:
            answer: Json = response.json() if response.content else {}
            return answer
        raise Problem(f"{method} {path}: {response.status_code} {_reason(response)}", "see `ims logs gateway`")


def _reason(response: httpx2.Response) -> str:
    try:
        problem = response.json()
    except ValueError:
        return response.text[:300]
    faults = "; ".join(f"{e.get('pointer')}: {e.get('detail')}" for e in problem.get("errors", []))
    return f"{problem.get('title', '')}: {faults or problem.get('detail', '')}"
