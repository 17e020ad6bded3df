"""The mutants of the inferred flag, and of the report of an activation without notice."""

from tests.mutants.mutant import CORE, Mutant

INFERRED = (
    Mutant(
        "DurableBeforeClaim",
        CORE + "commands.py",
        "        cleared = self.inferred.down(",
        "        self._relay(fields, out)\n        cleared = self.inferred.down(",
    ),
    Mutant("DurableBeforeClaim", CORE + "inferred.py", "        if self.latest is not None:\n", "        if False:\n"),
    Mutant("FailOpen", CORE + "inferred.py", "        if kind == gbcs.CANCEL:\n", "        if False:\n"),
    Mutant("FailOpen", CORE + "inferred.py", "image_hash, limits.VALID_MAX_S, out)", "image_hash, 3_601, out)"),
    Mutant("FailOpen", CORE + "inferred.py", "if kind == gbcs.FAILED or (", "if ("),
    Mutant("FailOpen", CORE + "limits.py", "INFERRED_EARLY_S = 60", "INFERRED_EARLY_S = 120"),
    Mutant(
        "FailOpen", CORE + "inferred.py", "limits.AFTER_RESULT_MS, self._utc", "10 * limits.AFTER_RESULT_MS, self._utc"
    ),
    Mutant(
        "AuthOnly",
        CORE + "inferred.py",
        "if message is None or message[3] != activation.config.esme:",
        "if message is None:",
    ),
    Mutant(
        "AuthOnly",
        CORE + "inferred.py",
        "        return supply_out or (flag.source == s.SOURCE_DECLARED and flag.state == s.FLAG_PENDING)\n",
        "        return supply_out\n",
    ),
    Mutant(
        "NoReplay",
        CORE + "inferred.py",
        '            out.append((JOURNAL, "wan_floor", self._floor()))\n            return False\n',
        "            return False\n",
    ),
    Mutant("OneShot", CORE + "inferred.py", "if full or counter in known:", "if full:"),
    Mutant(
        "DurableBeforeClaim",
        CORE + "commands.py",
        'if name == "gbcs_down" and not self._relayed:',
        "if False:",
    ),
    Mutant(
        "RecoveryIdempotent",
        CORE + "inferred.py",
        "            yield self._record(counter, image_hash, due)\n",
        "            if due < 0:\n                yield self._record(counter, image_hash, due)\n",
    ),
    Mutant(
        "RecoveryIdempotent",
        CORE + "notice.py",
        '        out.append((JOURNAL, "acked", {"id": fields["id"], "revision": 0, "what": ACKED_NOTICE}))\n',
        "",
    ),
    Mutant("AtMostOneEffect", CORE + "notice.py", ' or fields["after"] != self.report["after"]:', ":"),
    Mutant("EnergyBudget", CORE + "notice.py", "        if supply_good:\n", "        if True:\n"),
    Mutant(
        "WearBound",
        CORE + "notice.py",
        "        if not self._bucket.take(now, self._timers, REFILL_TIMER):\n            return\n",
        "",
    ),
)
