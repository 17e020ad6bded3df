"""An AD1 as a DUIS DCC Alert in XML, checked against duis.xsd; and a folder that keeps one for each outage.

Public: the namespace, Response, Header and Body, DCCAlertMessage with DCCAlertCode and DCCAlert (the npm package
@smartdcc/duis-parser reads them), ResponseCode I0 and the version (its samples). What stands inside DCCAlert is not:
ours is an element of a namespace of our own, and says that it is synthetic. No signature is made.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from host_tools.dno.events import LEVEL_TAGGED
from host_tools.errors import EXIT_USAGE, BenchError

DUIS = "http://www.dccinterface.co.uk/ServiceUserGateway"
OURS = "urn:chf-reference:ad1:1"
SCHEMA_VERSION = "5.1"
RESPONSE_CODE = "I0"
ALERT_CODE = "AD1"
SCHEMA = Path(__file__).with_name("duis.xsd")

# Element, and the event's value in it; absent where the value is None.
_ELEMENTS = (
    ("OutageID", "id"),
    ("Revision", "revision"),
    ("RaisedBy", "raised_by"),
    ("Level", "level"),
    ("Cause", "cause"),
    ("Source", "source"),
    ("Policy", "policy"),
    ("Row", "row"),
    ("LossDateTime", "loss"),
    ("ElapsedSeconds", "elapsed_s"),
    ("WindowSeconds", "window_s"),
    ("FlagCounter", "flag_counter"),
    ("Merged", "merged"),
)


def _etree() -> Any:
    from lxml import etree  # type: ignore[import-untyped]  # here: a head-end that writes no XML need not wait for it

    return etree


def eui_text(eui: str) -> str:
    """An EUI-64 as DUIS writes it: 00-DB-12-..."""
    return "-".join(eui[at : at + 2] for at in range(0, len(eui), 2)).upper()


def render(event: Mapping[str, Any]) -> bytes:
    """The alert as an XML document. event: an AD1 of events.py.

    Raises BenchError where the schema does not take it: nothing that is not valid leaves here.
    """
    etree = _etree()
    response = etree.Element(f"{{{DUIS}}}Response", nsmap={"sr": DUIS, "chf": OURS}, schemaVersion=SCHEMA_VERSION)
    header = _add(response, DUIS, "Header")
    _add(header, DUIS, "ResponseCode", RESPONSE_CODE)
    _add(header, DUIS, "ResponseDateTime", event["at"])
    message = _add(_add(response, DUIS, "Body"), DUIS, "DCCAlertMessage")
    _add(message, DUIS, "DCCAlertCode", ALERT_CODE)
    outage = _add(_add(message, DUIS, "DCCAlert"), OURS, "PowerOutage")
    outage.set("synthetic", "true")
    _add(outage, OURS, "Hub", eui_text(event["hub"]))
    for name, field in _ELEMENTS:
        if event.get(field) is not None:
            _add(outage, OURS, name, event[field])
    if "bits" in event:
        evidence = _add(outage, OURS, "Evidence")
        _add_sample(evidence, "AtLoss", event["loss_bits"], event["loss_holdup_mv"])
        _add_sample(evidence, "AtDecision", event["bits"], event["holdup_mv"])
    check(response)
    etree.indent(response)
    return bytes(etree.tostring(response, xml_declaration=True, encoding="UTF-8"))


def _add(parent: Any, namespace: str, name: str, text: Any = None) -> Any:
    child = _etree().SubElement(parent, f"{{{namespace}}}{name}")
    if text is not None:
        child.text = str(text)
    return child


def _add_sample(parent: Any, name: str, bits: list[str], holdup_mv: int) -> None:
    sample = _add(parent, OURS, name)
    _add(sample, OURS, "HoldupMillivolts", holdup_mv)
    for bit in bits:
        _add(sample, OURS, "Sense", bit)


@cache
def _schema() -> Any:
    etree = _etree()
    return etree.XMLSchema(etree.parse(SCHEMA))


def check(document: Any) -> None:
    """Raises BenchError with the first thing that the schema does not take. document: an element or a tree of lxml."""
    schema = _schema()
    if not schema.validate(document):
        first = schema.error_log[0]
        raise BenchError(f"This AD1 does not fit {SCHEMA.name}: {first.message.rstrip('.')}.")


def parse(text: bytes) -> Any:
    """The document's root, checked. Raises BenchError where it is no XML or does not fit."""
    etree = _etree()
    try:
        root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise BenchError(f"This is no XML: {error.msg}.") from None
    if root.getroottree().docinfo.doctype:
        raise BenchError("This XML has a document type, and with it entities: DUIS has none.")
    check(root)
    return root


class Folder:
    """A folder with a file for each outage, NAME of hub and id: its loudest alert, and of these the last revision.

    Raises BenchError where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            raise BenchError(f"{path} cannot be written: {error.strerror}.", EXIT_USAGE) from None

    def file_of(self, event: Mapping[str, Any]) -> Path:
        """Where the alert of that outage stands."""
        return self._path / f"{ALERT_CODE}-{event['hub']}-{event['id']}.xml"

    def keep(self, event: Mapping[str, Any]) -> bool:
        """Put the alert there, whole and synced; whether it was, for one that says more may stand there already."""
        path = self.file_of(event)
        if _weight(event["level"], event["revision"]) < self._standing(path):
            return False
        text = render(event)
        try:
            with tempfile.NamedTemporaryFile(dir=self._path, delete=False) as file:
                try:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    file.close()
                    os.unlink(file.name)
                    raise
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except OSError as error:
            raise BenchError(f"{path} cannot be written: {error.strerror}.") from None
        return True

    def _standing(self, path: Path) -> tuple[bool, int]:
        """What stands there already; less than everything where it is nothing, or nothing of ours."""
        try:
            root = parse(path.read_bytes())
        except (FileNotFoundError, BenchError):
            return (False, -1)
        except OSError as error:
            raise BenchError(f"{path} cannot be read: {error.strerror}.") from None
        level, revision = (root.findtext(f".//{{{OURS}}}{name}") for name in ("Level", "Revision"))
        return _weight(str(level), int(str(revision)))


def _weight(level: str | int, revision: int) -> tuple[bool, int]:
    """What replaces what: the hub's decisions only rise, so a tag that comes after a plain alert is a late one."""
    return (level != LEVEL_TAGGED, revision)
