"""python little_memory.py MB MODULE ARGUMENTS: runs a command, once it is imported, with so many
more megabytes of address space."""

import importlib
import resource
import sys
from pathlib import Path

from minialex.command import run

if __name__ == "__main__":
    megabytes, module, *arguments = sys.argv[1:]
    main = importlib.import_module(module).main
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = taken + int(megabytes) * 10**6
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    sys.argv = [module, *arguments]
    run(main)
