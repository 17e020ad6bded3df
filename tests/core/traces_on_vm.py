"""The traces on a real MicroPython VM. Arguments: the folders of the firmware and of the project, a file of traces.

Prints a line for each trace whose log differs, then "done" and their number: the VM exits 0 whatever was raised.
"""

import gc
import json
import sys

sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[2])

from tests.core.replay import Hub


def main():
    traces = 0
    with open(sys.argv[3]) as file:
        for line in file:  # one trace a line: all at once would take a large heap
            line = line.strip().rstrip(",")
            if line in ("[", "]"):
                continue
            trace = json.loads(line)
            log = [entry.text() for entry in Hub(trace["options"]).run(trace["script"])]
            for at in range(max(len(log), len(trace["log"]))):
                here = log[at] if at < len(log) else "nothing"
                there = trace["log"][at] if at < len(trace["log"]) else "nothing"
                if here != there:
                    print("differs:", trace["name"], "line", at, "is", here, "and should be", there)
                    break
            traces += 1
            trace = log = None
            gc.collect()
    print("done", traces)


main()
