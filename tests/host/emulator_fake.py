"""Stands for qemu-system-arm and rp2040py: takes their command lines and serves their port, a virtual hub behind it.

Usage: emulator_fake.py BEHAVIOUR ARGUMENT...; BEHAVIOUR: hub, echo, ends, ends-later, deaf, closes, stubborn. The
arguments are written to the file that the emulator would run, so that a test sees what it was told.
"""

import contextlib
import json
import os
import re
import select
import signal
import socket
import sys
import threading
from pathlib import Path

SPEED = 20


def hub(client):
    from host_tools.deploy.provisioning import new_identity
    from host_tools.link.own_rig import virtual_rig

    rig = virtual_rig()(new_identity(1), strapped=True, speed=SPEED, one_cable=True, seed=1)
    with contextlib.closing(rig):
        rig.power_on()
        while True:
            if select.select([client], [], [], 0.001)[0]:
                octets = client.recv(4096)
                if not octets:
                    return
                rig.write("han", octets)
            for _, octets in rig.step(rig.now_ms):
                client.sendall(octets)


def echo(client):
    while octets := client.recv(4096):
        client.sendall(octets)


def main():
    behaviour, *arguments = sys.argv[1:]
    line = " ".join(arguments)
    file = Path(re.search(r"(?:-kernel|--image) (.+?)(?: --|$)", line)[1])
    file.write_text(json.dumps({"pid": os.getpid(), "arguments": arguments}))
    if behaviour == "ends":
        sys.exit("fake: error: no such image.\nR00=00000000")
    if behaviour == "deaf":
        threading.Event().wait()
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    port = int(re.search(r"(?:tcp:127\.0\.0\.1:|--tcp-port )(\d+)", line)[1])
    with socket.create_server(("127.0.0.1", port)) as server:
        client, _ = server.accept()
        with client:
            if behaviour == "ends-later":
                client.recv(1)
                sys.exit("fake: out of power")
            if behaviour == "closes":
                client.recv(1)
                client.close()
                threading.Event().wait()
            hub(client) if behaviour == "hub" else echo(client)
    threading.Event().wait()


main()
