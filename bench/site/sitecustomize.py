"""A sampler that sleeps in every Python process of the bench's platform until SIGUSR2 wakes it.

The bench puts this folder on PYTHONPATH of its own platform only; IMS itself knows nothing of it. SIGUSR2 starts the
sampling: each 5 ms of the process's CPU time (ITIMER_PROF) the stack is counted; SIGUSR2 again writes the counts to
`$BENCH_PROFILES/<pid>.json`. CPU that other threads use is counted to the thread that is not waiting.
"""

import os


def _install(folder: str) -> None:
    import json
    import signal
    import sys
    import threading
    from types import FrameType

    every_s, deep = 0.005, 60
    waiting = {"wait", "select", "poll", "_worker", "get", "accept", "recv_into", "readinto", "_recv", "epoll"}
    loops = {"run", "run_until_complete", "run_forever", "_run_once", "<module>", "main", "_run_module_code"}
    own: dict[str, int] = {}
    total: dict[str, int] = {}
    state = {"on": False, "samples": 0}

    def label(frame: FrameType) -> str:
        code = frame.f_code
        return f"{code.co_filename}:{code.co_firstlineno}:{code.co_name}"

    def busy(frame: FrameType | None) -> FrameType | None:
        if frame is not None and frame.f_code.co_name not in loops:
            return frame
        me = threading.main_thread().ident
        for ident, other in sys._current_frames().items():
            if ident != me and other.f_code.co_name not in waiting:
                return other
        return frame

    def sample(_: int, frame: FrameType | None) -> None:
        at = busy(frame)
        if at is None or at.f_code.co_filename == __file__:
            return
        state["samples"] += 1
        own[label(at)] = own.get(label(at), 0) + 1
        seen: set[str] = set()
        for _depth in range(deep):
            if at is None:
                break
            seen.add(label(at))
            at = at.f_back
        for name in seen:
            total[name] = total.get(name, 0) + 1

    def toggle(*_: object) -> None:
        state["on"] = not state["on"]
        signal.setitimer(signal.ITIMER_PROF, every_s if state["on"] else 0, every_s if state["on"] else 0)
        if not state["on"]:
            path = os.path.join(folder, f"{os.getpid()}.json")
            with open(path + ".part", "w") as file:
                json.dump({"samples": state["samples"], "own": own, "total": total}, file)
            os.replace(path + ".part", path)
            own.clear()
            total.clear()
            state["samples"] = 0

    signal.signal(signal.SIGPROF, sample)
    signal.siginterrupt(signal.SIGPROF, False)
    signal.signal(signal.SIGUSR2, toggle)


if os.environ.get("BENCH_PROFILES"):
    _install(os.environ["BENCH_PROFILES"])
