"""The part of the oracle that reads the hub's log alone: counters, what is claimed, and what is spent."""

from chf.wire import schema as s

FLOORS = {"flag": "esme", "clear": "esme", "sync": "esme", "policy": "wan", "key": "wan", "esme": "wan"}
RELAYS = ("inferred", "uninferred", "wan_floor")  # of a relayed CS06, and of what becomes of it later
ENERGY = {"capacitance_mf": 10_000, "holdup_min_mv": 2_000, "send_mj": 400, "margin_mj": 1_000}


class Claims:
    """`log`: a list of replay.Entry. `energy`: the options of ENERGY. `store_failed`: whether a record was refused."""

    log: list
    energy: dict
    store_failed: bool

    def monotonic_counters(self):
        floors = {"esme": bytes(8), "wan": bytes(8)}
        for entry in self.log:
            if entry.kind == "boot" and entry.values["damage"] & 1:
                floors = {"esme": bytes(8), "wan": bytes(8)}
            peer = "wan" if entry.name in RELAYS else FLOORS.get(entry.name)
            if entry.kind != "journal" or peer is None:
                continue
            values = entry.values
            # A used flag, and one that a store kept in part, are cleared under the counter that they came with.
            equal = entry.name == "clear" and (values["state"] == s.FLAG_CONSUMED or self.store_failed)
            equal = equal or entry.name in RELAYS
            fine = values["counter"] > floors[peer] or (equal and values["counter"] == floors[peer])
            assert fine or entry.name == "sync", f"MonotonicCounters: {entry.name} {values} after {floors[peer]}"
            floors[peer] = values["counter"]
            if entry.name == "esme" or (entry.name == "key" and not values["peer"]):
                floors["esme"] = bytes(8)

    def durable_before_claim(self):
        counters = {"flag_ack": set(), "command_ack": set()}
        decided = set()
        asked = set()
        refused = set()
        relayed = 0x2D  # most of what gbcs_down carries changes nothing, so nothing of it is durable
        for entry in self.log:
            values = entry.values
            if entry.kind == "journal" and entry.name in FLOORS:
                ack = "flag_ack" if FLOORS[entry.name] == "esme" else "command_ack"
                counters[ack].add(values["counter"])
            elif entry.name == "decision":
                (refused if entry.kind == "failed" else decided).add((values["id"], values["revision"]))
                if entry.kind == "journal" and values["level"] == s.LEVEL_ASKED:
                    asked.add(values["id"])
            elif entry.kind == "send":
                if entry.name in counters and values["type"] != relayed:
                    assert values["counter"] in counters[entry.name], f"DurableBeforeClaim: {entry.name} {values}"
                elif entry.name == "hold_notice":
                    assert values["id"] in asked, f"DurableBeforeClaim: {values}"
                elif entry.name == "ad1":
                    key = (values["id"], values["revision"])
                    assert key in decided or key in refused, f"DurableBeforeClaim: {values}"

    def energy_budget(self):
        """Without supply nothing is repeated that would eat what the next rise of a decision needs."""
        energy = self.energy
        first = set()
        for entry in self.log:
            if entry.kind != "send" or entry.name not in ("ad1", "restored", "time_request"):
                continue
            key = (entry.name, entry.values.get("id"), entry.values.get("revision"))
            if entry.bits & s.SENSE_SUPPLY or (key not in first and entry.name != "time_request"):
                first.add(key)
                continue
            volts, dead = entry.mv / 1000, energy["holdup_min_mv"] / 1000
            left_mj = energy["capacitance_mf"] * (volts**2 - dead**2) / 2
            need_mj = 2 * energy["send_mj"] + energy["margin_mj"]
            assert left_mj >= need_mj, f"EnergyBudget: {entry.name} at {entry.time} with {left_mj:.0f} mJ"
