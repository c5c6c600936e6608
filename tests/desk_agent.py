"""A process inside a desk that runs what a test hands it: a line of JSON in, a line of JSON out. Started by `desk`."""

import json
import sys
import traceback
from typing import Any

import django


def main() -> None:
    django.setup()
    from django.db import close_old_connections

    out, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        names: dict[str, Any] = dict(told["names"])
        try:
            exec(compile(told["code"], "<test>", "exec"), names)
            answer = {"result": names.get("result")}
        except Exception:
            answer = {"error": traceback.format_exc()}
        close_old_connections()
        print(json.dumps(answer, default=str), file=out, flush=True)


if __name__ == "__main__":
    main()
