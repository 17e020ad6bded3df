"""Which line rates a board's framer keeps up with: derived from a run on the unix VM, not measured on the board."""

from __future__ import annotations

from dataclasses import dataclass

from host_tools.boards import Board

RATES = (9_600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600)
BITS = 10  # on the line for an octet: start, eight, stop
LINKS = 2  # HAN and WAN, both full
SHARE = 0.5  # of the processor's time for framing; the rest is for what the frames say, MACs and the journal
# How many times slower than the VM on a desktop core a Raspberry Pi Pico is.
NATIVE_FROM = 0.25  # of the processor's time: a board whose framer would take more in bytecode gets it in machine code
NATIVE_KIB = 2  # of heap at most for that: code, its table of names and the module
PICO_CPU = "RP2040"
PICO_BYTECODE = 150
PICO_VIPER = 68
# MicroPython's clock on each chip, the lowest where builds differ. No factor is known but the Pico's: the others are
# taken to do as much in a cycle as its Cortex-M0+, the least able core among them.
CLOCK_MHZ = {"ESP32-C6": 160, "ESP32-S3": 160, "NRF52840": 64, PICO_CPU: 125, "RP2350": 150}


@dataclass(frozen=True)
class Run:
    """What a run on the unix VM gave. unit_us: one U; decode_u, viper_u: of an octet, None without native code."""

    unit_us: float
    decode_u: float
    viper_u: float | None


# Of x86-64 at 3 GHz or so, the slower of several runs: the pages promise no more. `inv bench` derives the rates anew.
REFERENCE = Run(0.033, 3.97, 0.34)


def octet_us(board: Board, run: Run, viper: bool = False) -> float | None:
    """Microseconds for which a board's framer works on an octet of the line."""
    octet_u = run.viper_u if viper else run.decode_u
    if octet_u is None:
        return None
    slower = PICO_VIPER if viper else PICO_BYTECODE
    return octet_u * run.unit_us * slower * CLOCK_MHZ[PICO_CPU] / CLOCK_MHZ[board.data["board"]["cpu"]]


def good_for(each_us: float) -> int:
    """The highest usual rate at which HAN and WAN, both full, leave the rest its share; 0 where none does."""
    most = BITS * SHARE * 1e6 / (LINKS * each_us)
    return max((rate for rate in RATES if rate <= most), default=0)


def share(board: Board, each_us: float) -> float:
    """How much of the processor's time framing takes with HAN and WAN both full at the board's own rate; 1 is all."""
    return float(LINKS * board.data["links"]["baud"] / BITS * each_us / 1e6)


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %"


def framer_sentence(board: Board, run: Run = REFERENCE) -> str:
    """What a board's framer is, machine code or bytecode, and why."""
    plain, fast = octet_us(board, run), octet_us(board, run, viper=True)
    assert plain is not None and fast is not None
    python = board.data["micropython"]
    full = f"HAN and WAN, both full at {board.data['links']['baud']:,} baud,"
    if not python["native_framer"]:
        return (
            f"bytecode: {full} take {_percent(share(board, plain))} of the processor's time. `chtool flash --framer "
            f"native` puts machine code for `{python['arch']}` there, for under {NATIVE_KIB} KiB of heap"
        )
    return (
        f"machine code for `{python['arch']}`: {full} would take {_percent(share(board, plain))} of the processor's "
        f"time in bytecode, and take {_percent(share(board, fast))}; it costs under {NATIVE_KIB} KiB of heap. A board "
        "whose MicroPython does not take it gets the image without it, and `chtool flash` says so; `--framer bytecode` "
        "leaves it out"
    )


def sentence(board: Board, run: Run = REFERENCE) -> str:
    """Rates in bytecode and with the viper module, with what they rest on."""
    plain = octet_us(board, run)
    fast = octet_us(board, run, viper=True)
    assert plain is not None
    links = board.data["links"]
    text = f"{good_for(plain):,} baud on HAN and WAN at once ({plain:.0f} µs an octet)"
    if fast is not None:
        text += f", {good_for(fast):,} with the viper module ({fast:.1f} µs)"
    fifo_ms = links["rx_fifo_octets"] * BITS * 1000 / links["baud"]
    buffer_ms = links["rx_buffer_octets"] * BITS * 1000 / links["baud"]
    return (
        f"the framer keeps up with {text}; at {links['baud']:,} the buffer holds what comes in {buffer_ms:,.0f} ms, "
        f"and while interrupts stall {fifo_ms:.1f} ms. Derived, not measured"
    )
