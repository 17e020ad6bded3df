"""The C meter's framing, FCS, HMAC and checks against SPEC.md's examples and the vectors that SPEC points to."""

from __future__ import annotations

import hmac
import json
import subprocess
from pathlib import Path

import pytest
from c_meter import EXAMPLE, EXAMPLES, KEYS, LIMIT_S

from chf.wire import schema as s
from tests.wire.test_spec import SPEC, blocks_of

VECTORS = json.loads((Path(__file__).parents[1] / "wire" / "vectors.json").read_text())
ACK = EXAMPLES["flag_ack"][0]


def content_of(example: dict[str, str]) -> str:
    return "".join(octets for label, octets in example.items() if label not in ("FCS", "on the line"))


def example_checks() -> list[str]:
    """Each example's octets as checks of the program's self-test."""
    checks = []
    for name, examples in EXAMPLES.items():
        for example in examples:
            content, line = content_of(example), example["on the line"]
            checks += [f"frame {content} {line}", f"line {line} {content} -"]
            address = int(content[2:4], 16)
            key = KEYS["HAN key" if address & s.LINK_MASK == s.LINK_HAN else "WAN key"]
            if "MAC" in example:
                checks.append(f"hmac {key} {content[:-32]} {example['MAC']}")
            if name in ("flag_ack", "flag_refusal", "gbcs_to_esme"):
                checks.append(f"drop {key} {address >> 7} {content} -")
    wrap = next(dict(parts) for parts in blocks_of(SPEC) if parts[0][0] == "key")
    stream = int(wrap["wrapped"], 16) ^ int(wrap["secret"], 16)
    checks.append(f"hmac {wrap['key']} {b'chf key wrap v1'.hex()}{wrap['counter']} {stream:064X}")
    digits, fcs = b"123456789".hex(), bytes.fromhex(SPEC.partition("123456789 is 0x")[2][:4])
    checks.append(f"frame {digits} 7E{digits}{fcs[::-1].hex().upper()}7E")
    return checks


def vector_checks() -> list[str]:
    """What SPEC points to for what must be dropped, and the sizes that it names."""
    checks = [f"hmac {one['key']} {one['data'] or '-'} {one['mac']}" for one in VECTORS["hmac"]]
    for one in VECTORS["framing"]:
        drops = ",".join(name for name, n in one["drops"].items() for _ in range(n))
        checks.append(f"line {one['line']} {','.join(one['contents']) or '-'} {drops or '-'}")
    good = VECTORS["framing"][0]
    checks.append(f"line 7E{'41' * 1537}{good['line']} {good['contents'][0]} long")
    checks.append(f"line 7E{'41' * 1536}1113{good['line']} {good['contents'][0]} fcs")
    for n in range(1, 131):  # each way to end in a block of SHA-256's
        data = bytes(range(n))
        mac = hmac.digest(bytes.fromhex(EXAMPLE["key"]), data, "sha256")
        checks.append(f"hmac {EXAMPLE['key']} {data.hex()} {mac.hex().upper()}")
    return checks


def refusal_checks() -> list[str]:
    """What a meter must drop: flag_ack with each bit flipped, too short, too long, with the other mark, another key."""
    ack, key = content_of(ACK), EXAMPLE["key"]
    octets = bytes.fromhex(ack)
    header = [
        ["version"] * 8,
        [*["address"] * 7, "mark"],  # link, reserved bits, direction
        ["length", "type", "address", *["type"] * 5],  # 0x15, 0x16, 0x10 to the hub, ...
    ]
    checks = []
    for at in range(len(octets)):
        for bit in range(8):
            bad = bytearray(octets)
            bad[at] ^= 1 << bit
            checks.append(f"drop {key} 1 {bad.hex()} {header[at][bit] if at < len(header) else 'mac'}")
    checks += [f"drop {key} 1 {ack[:-2]} length", f"drop {key} 1 {ack}00 length", f"drop {key} 1 {ack[:4]} short"]
    checks += [f"drop {key} 0 {ack} mark", f"drop {KEYS['WAN key']} 1 {ack} mac"]
    return checks


def self_test(program: Path, checks: list[str]) -> tuple[int, str]:
    done = subprocess.run(
        [program, "--selftest"], input="\n".join(checks) + "\n", capture_output=True, text=True, timeout=LIMIT_S
    )
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize("made", [example_checks, vector_checks, refusal_checks])
def test_octets(program, made):
    checks = made()
    assert len(checks) > 20
    assert self_test(program, checks) == (0, f"checked {len(checks)} failed 0")


def test_the_self_test_can_fail(program):
    for check in (example_checks()[0], vector_checks()[0], vector_checks()[-1], refusal_checks()[-1]):
        end = "-" if not check.endswith("-") else "fcs"
        wrong = check[: check.rindex(" ")] + " " + ("7E" if check.startswith(("frame", "hmac")) else end)
        assert self_test(program, [wrong]) == (1, "checked 1 failed 1"), check
    assert self_test(program, [])[0] == 1, "nothing checked is no success"
