"""python -m gradopt: the command-line tool."""

import os
import shutil
import sys
from pathlib import Path


def main() -> int:
    """Becomes the tool that lies in the package, or the one that is on the PATH."""
    own = Path(__file__).parent / "bin" / "gradopt"
    tool = os.environ.get("GRADOPT_TOOL") or (str(own) if own.exists() else shutil.which("gradopt"))
    if tool is None:
        print("the command-line tool is not in this package; set GRADOPT_TOOL to its path", file=sys.stderr)
        return 1
    os.execv(tool, ["gradopt", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
