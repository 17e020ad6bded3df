"""What a board must give the shell: read by people and by the type checker, never imported on a device."""

from collections.abc import Iterable


class LinkPort:
    """One UART or USB serial. `links`: bit 1 << link for each logical link (schema.LINK_*) that it carries."""

    links: int

    def readinto(self, buf: bytearray) -> int:
        """Move what has arrived, at most len(buf) octets, into buf; return how many. Never waits, never allocates."""
        ...

    def write(self, buf: bytes, start: int, end: int) -> int:
        """Send octets of buf[start:end]; return how many were taken. Waits no longer than a few milliseconds."""
        ...


class StorePort:
    """Small files on power-safe storage. Every method raises OSError where the storage fails."""

    def read(self, name: str) -> "bytes | None":
        """The whole file, None where there is none."""
        ...

    def append(self, name: str, data: bytes) -> None:
        """Durable on return; after a power cut all of it is there, or none."""
        ...

    def replace(self, name: str, pieces: "Iterable[bytes]") -> None:
        """Put all the pieces, in order, in place of what the name held: atomic and durable on return."""
        ...


class Board:
    """The whole of a board. Sense lines and hold-up are polled: sense() and holdup_mv() cost no more than a few us."""

    name: str
    strapped: bool  # the bench strap, sampled once at power-on
    reset_cause: int  # schema.RESET_*
    links: "list[LinkPort]"
    store: StorePort  # of this mode: strapped and live hubs keep their journals apart

    def identity(self) -> "str | None":
        """The provisioned JSON text (SPEC.md of the wire, annex on provisioning), None where there is none."""
        ...

    def ticks_ms(self) -> int:
        """Milliseconds, wrapping at 2**30."""
        ...

    def wait(self, until: int) -> None:
        """Return at tick `until`, or earlier when a link has input or the sense lines have changed. Never allocates."""
        ...

    def sense(self) -> int:
        """Bits schema.SENSE_SUPPLY, SENSE_AC_LO and SENSE_MT_PR; of a line that the board lacks, set: no hint."""
        ...

    def holdup_mv(self) -> int: ...

    def random(self, n: int) -> bytes:
        """n octets that no one can foretell."""
        ...

    def feed(self) -> None:
        """Feed the watchdog."""
        ...

    def restart(self) -> None:
        """Does not return."""
        ...
