"""The limit of accepting: a function that only gives its body back, served as functions of IMS are.

python -m bench.echo --port 30451
"""

from __future__ import annotations

import argparse

from starlette.requests import Request
from starlette.responses import Response


async def main(request: Request) -> Response:
    """Echo."""
    return Response(await request.body(), media_type="application/json")


def serve() -> None:
    """The framework's app on the same server with the same options as `python -m shared.runtime`."""
    import uvicorn
    from functions_framework.aio import create_asgi_app

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    app = create_asgi_app("main", __file__, "http")  # type: ignore[no-untyped-call]
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=parser.parse_args().port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        backlog=4096,
    )


if __name__ == "__main__":
    serve()
