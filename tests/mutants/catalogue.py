"""The mutants: one change each that breaks an invariant of DESIGN.md, and the tests that must notice."""

from tests.mutants.inferred import INFERRED
from tests.mutants.mutant import CORE, Mutant

INVARIANTS = (
    "NoLostOutage",
    "NoFalseOutage",
    "AlertDeadline",
    "AtMostOneEffect",
    "AuthOnly",
    "NoReplay",
    "OneShot",
    "BoundedMute",
    "FailOpen",
    "MonotonicCounters",
    "DurableBeforeClaim",
    "RecoveryIdempotent",
    "Liveness",
    "EnergyBudget",
    "WearBound",
    "OracleIndependence",
)


MUTANTS = (
    # ---- NoLostOutage
    Mutant("NoLostOutage", CORE + "limits.py", "AD1_THRESHOLD_MS = 180_000", "AD1_THRESHOLD_MS = 180_001"),
    Mutant("NoLostOutage", CORE + "limits.py", "RESTORE_QUALIFY_MS = 2_000", "RESTORE_QUALIFY_MS = 1_500"),
    Mutant(
        "NoLostOutage",
        CORE + "boot.py",
        "    opened = recovered.open_outage()\n",
        "    opened = None\n",
    ),
    Mutant("NoLostOutage", CORE + "boot.py", "        cold = True\n", "        pass\n"),
    Mutant(
        "NoLostOutage",
        CORE + "boot.py",
        "        if not decided and outage.resets > 1:\n",
        "        if False:\n",
    ),
    Mutant("NoLostOutage", CORE + "boot.py", "    outage.resets += 1\n", ""),
    Mutant("NoLostOutage", CORE + "boot.py", "            sup.alerts.add(outage, out)\n", ""),
    Mutant(
        "NoLostOutage",
        CORE + "supervisor.py",
        "            outage.error_ms = limits.BEFORE_BOOT_MS\n",
        "            pass\n",
    ),
    Mutant(
        "NoLostOutage",
        CORE + "alerts.py",
        'told["merged"] + gone.told()["merged"] + 1)',
        'told["merged"] + gone.told()["merged"])',
    ),
    Mutant(
        "NoLostOutage",
        CORE + "proof.py",
        "good_ms >= limits.RESTORE_QUALIFY_MS",
        "good_ms >= 0",
    ),
    Mutant(
        "NoLostOutage",
        CORE + "proof.py",
        "    if outage.elapsed_ms(now) > (passed_s + limits.TIME_SLACK_S) * 1000:\n        return",
        "    if False:\n        return",
    ),
    Mutant(
        "NoLostOutage",
        CORE + "supervisor.py",
        "            fresh = self._nonces.draw()[:4] + self.session[4:]\n",
        "            fresh = self.session\n",
    ),
    Mutant("NoLostOutage", CORE + "alerts.py", "            self._merge(out)\n", "            self.entries.pop(0)\n"),
    # ---- NoFalseOutage
    Mutant("NoFalseOutage", CORE + "limits.py", "AD1_THRESHOLD_MS = 180_000", "AD1_THRESHOLD_MS = 179_999"),
    Mutant("NoFalseOutage", CORE + "limits.py", "RESTORE_QUALIFY_MS = 2_000", "RESTORE_QUALIFY_MS = 2_001"),
    Mutant("NoFalseOutage", CORE + "boot.py", "cold and not recovered.fresh and", "cold and"),
    Mutant("NoFalseOutage", CORE + "boot.py", " and not recovered.clean", ""),
    Mutant(
        "NoFalseOutage",
        CORE + "supervisor.py",
        "        ended_at = outage.returned\n",
        "        outage.returned = ended_at = now\n",
    ),
    # ---- AlertDeadline
    Mutant(
        "AlertDeadline",
        CORE + "outage.py",
        "diff(now if self.returned is None else self.returned, self.anchor)",
        "diff(now if self.returned is None else self.returned, self.anchor) // 1000 * 990",
    ),
    Mutant(
        "AlertDeadline",
        CORE + "boot.py",
        '            sup.timers.set("proof", add(now, limits.BOOT_PROOF_MS))  # that the window still runs\n',
        "            pass\n",
    ),
    Mutant("AlertDeadline", CORE + "limits.py", "OUTAGE_POLL_MS = 1_000", "OUTAGE_POLL_MS = 10_000"),
    # ---- AtMostOneEffect
    Mutant(
        "AtMostOneEffect",
        CORE + "decision.py",
        "    if level <= outage.level:\n        return\n",
        "    if level < outage.level:\n        return\n",
    ),
    Mutant("AtMostOneEffect", CORE + "decision.py", '"revision": outage.revision + 1', '"revision": 1'),
    Mutant(
        "AtMostOneEffect",
        CORE + "boot.py",
        "            sup._outages += 1  # of a boot",
        "            sup._outages += 0  # of a boot",
    ),
    # ---- AuthOnly
    Mutant(
        "AuthOnly",
        "firmware/chf/wire/auth.py",
        "        return (difference - 1) >> (8 * MAC_LEN) == 0\n",
        "        return True\n",
    ),
    Mutant(
        "AuthOnly",
        "firmware/chf/wire/auth.py",
        " + self.mac(data, n)[:MAC_LEN]\n",
        " + self.mac(data, n)[: MAC_LEN - 1] + tag[MAC_LEN - 1 :]\n",
        "tests/wire tests/core/test_shell.py",
    ),
    Mutant(
        "AuthOnly",
        CORE + "activation.py",
        'if bytes(fields["esme"]) != self.config.esme or',
        "if",
    ),
    # ---- NoReplay
    Mutant("NoReplay", CORE + "floor.py", "if counter > self.counter", "if counter >= self.counter"),
    Mutant("NoReplay", CORE + "floor.py", "and tag == self.tag else STALE", "else STALE"),
    Mutant(
        "NoReplay",
        CORE + "commands.py",
        "self.keys, self.activation.floor, self.activation.unsynced = self._undo",
        "self.keys, _, _ = self._undo",
    ),
    Mutant(
        "NoReplay",
        CORE + "activation.py",
        "        self._sync_nonce = None\n        self.unsynced = False\n",
        "        self.unsynced = False\n",
    ),
    Mutant(
        "NoReplay",
        "firmware/chf/shell.py",
        "            self.counters.damaged = True  # a hub",
        "            pass  # a hub",
    ),
    # ---- OneShot
    Mutant(
        "OneShot",
        CORE + "activation.py",
        "        self.flag.state = s.FLAG_CONSUMED\n",
        "        pass\n",
    ),
    Mutant(
        "OneShot",
        CORE + "activation.py",
        '        out.append((JOURNAL, "clear", dict(self.floor.values(), state=s.FLAG_CONSUMED)))\n\n',
        "\n",
    ),
    Mutant("OneShot", CORE + "limits.py", "AFTER_SHORT_MS = 120_000", "AFTER_SHORT_MS = 1_200_000"),
    # ---- BoundedMute
    Mutant(
        "BoundedMute",
        CORE + "boot.py",
        "    sup._muted = recovered.muted or recovered.damaged_outages\n",
        "    sup._muted = False\n",
    ),
    Mutant("BoundedMute", CORE + "limits.py", "MUTE_PERIOD_MS = 86_400_000", "MUTE_PERIOD_MS = 8_640_000"),
    Mutant(
        "BoundedMute",
        CORE + "policy.py",
        "-    spent -      -",
        "-    spent short  -",
    ),
    # ---- FailOpen
    Mutant(
        "FailOpen",
        CORE + "boot.py",
        "            state = s.FLAG_REVOKED\n",
        "            pass\n",
    ),
    Mutant(
        "FailOpen",
        CORE + "activation.py",
        "        if utc < since or age_s >= left_s:\n",
        "        if False:\n",
    ),
    Mutant("FailOpen", CORE + "activation.py", "if supply_out or not", "if not"),
    Mutant("FailOpen", CORE + "limits.py", "WINDOW_MAX_S = 600", "WINDOW_MAX_S = 6_000"),
    Mutant(
        "FailOpen",
        CORE + "decision.py",
        " or not outage.exact:\n",
        ":\n",
    ),
    Mutant(
        "FailOpen",
        "firmware/chf/journal/walk.py",
        "    return bad or mark != 0, generation",
        "    return mark != 0, generation",
    ),
    Mutant("FailOpen", CORE + "utc.py", "diff(now, self._asked) <= TIME_NONCE_MS", "True"),
    # ---- MonotonicCounters
    Mutant(
        "MonotonicCounters",
        CORE + "recovery.py",
        '    if v["counter"] >= floor.counter:\n',
        "    if True:\n",
    ),
    Mutant(
        "MonotonicCounters",
        CORE + "activation.py",
        '        yield ("sync", self.floor.values())\n',
        "        return\n        yield\n",
    ),
    # ---- DurableBeforeClaim
    Mutant(
        "DurableBeforeClaim",
        CORE + "activation.py",
        '        out.append((SEND_IF_DURABLE, "flag_ack", self._answer(name, fields)))\n',
        '        out.append((SEND, "flag_ack", self._answer(name, fields)))\n',
    ),
    Mutant(
        "DurableBeforeClaim",
        CORE + "alerts.py",
        'out.append((SEND_IF_DURABLE, "hold_notice", notice))',
        'out.append((SEND, "hold_notice", notice))',
    ),
    Mutant(
        "DurableBeforeClaim",
        CORE + "commands.py",
        'out.append((SEND_IF_DURABLE, "command_ack", values))',
        'out.append((SEND, "command_ack", values))',
    ),
    Mutant(
        "DurableBeforeClaim",
        "firmware/chf/shell.py",
        "            elif kind == effects.SEND or not failed:\n",
        "            else:\n",
        "tests/core/test_shell.py",
    ),
    Mutant(
        "DurableBeforeClaim",
        CORE + "supervisor.py",
        "            outage.hold = policy.HOLD_IMPOSSIBLE\n        self._again(now)\n",
        "            pass\n",
    ),
    # ---- RecoveryIdempotent
    Mutant(
        "RecoveryIdempotent",
        CORE + "recovery.py",
        "        outage.resets = 0  # written at the loss",
        "        outage.resets += 0  # written at the loss",
    ),
    Mutant(
        "RecoveryIdempotent",
        CORE + "supervisor.py",
        '"over": int(not self._muted)}',
        '"over": 0}',
    ),
    Mutant(
        "RecoveryIdempotent",
        CORE + "activation.py",
        "        elif flag.state in (s.FLAG_PENDING, s.FLAG_CONSUMED):\n",
        "        elif False:\n",
    ),
    Mutant("RecoveryIdempotent", CORE + "alerts.py", "if outage.restored_acked:", "if False:"),
    # ---- Liveness
    Mutant(
        "Liveness",
        CORE + "utc.py",
        "        return utc if 0 < utc <= UTC_MAX else NO_UTC\n",
        "        return utc\n",
    ),
    Mutant("Liveness", CORE + "ticks.py", "    return ((tick - HALF + ms) & MASK) ^ HALF", "    return tick + ms"),
    Mutant(
        "Liveness",
        "firmware/chf/shell.py",
        "                except (OSError, MemoryError):\n",
        "                except MemoryError:\n",
        "tests/core/test_shell.py",
    ),
    # ---- EnergyBudget
    Mutant(
        "EnergyBudget",
        CORE + "energy.py",
        "left_s + 2 * config.send_mj + config.margin_mj",
        "left_s + config.send_mj",
    ),
    Mutant(
        "EnergyBudget",
        CORE + "energy.py",
        "config.load_mw * left_s + 2 * ",
        "2 * ",
    ),
    Mutant(
        "EnergyBudget",
        CORE + "energy.py",
        "config.load_mw * left_s + config.send_mj + config.margin_mj",
        "config.load_mw * left_s",
    ),
    Mutant(
        "EnergyBudget",
        CORE + "proof.py",
        "    if sup.may_repeat(now):\n",
        "    if True:\n",
    ),
    # ---- a record refused once, or damage, and then a restart
    Mutant(
        "NoLostOutage",
        "firmware/chf/shell.py",
        "        if self.outages.full or self.outages.behind:\n",
        "        if self.outages.full:\n",
        "tests/shell/test_shell_faults.py",
    ),
    Mutant(
        "NoLostOutage",
        CORE + "boot.py",
        "cold = reset == s.RESET_POWER_ON or recovered.damaged_outages",
        "cold = reset == s.RESET_POWER_ON",
    ),
    Mutant(
        "NoLostOutage",
        CORE + "boot.py",
        "        opened = None  # told of already",
        "        pass  # told of already",
    ),
    Mutant("AtMostOneEffect", CORE + "boot.py", "outage.revision + 8", "outage.revision"),
    Mutant(
        "NoLostOutage",
        CORE + "supervisor.py",
        '                    self.timers.cancel("qualify")',
        "                    pass",
    ),
    Mutant(
        "NoLostOutage",
        CORE + "supervisor.py",
        '        if self.timers.at("checkpoint") is None:',
        "        if True:",
    ),
    Mutant(
        "NoLostOutage", CORE + "supervisor.py", "outage.returned is None or outage.postponed", "outage.returned is None"
    ),
    Mutant(
        "AlertDeadline",
        CORE + "supervisor.py",
        "            if self.phase == states.LOST:\n                # Nothing",
        "            if False:\n                # Nothing",
    ),
    Mutant("FailOpen", CORE + "commands.py", "min(self.policy, s.POLICY_TAG)", "self.policy"),
    # ---- WearBound
    Mutant("WearBound", CORE + "limits.py", "LOSS_BURST = 16", "LOSS_BURST = 1_600"),
    Mutant("WearBound", CORE + "limits.py", "DECLARATIONS_BURST = 8", "DECLARATIONS_BURST = 80"),
    *INFERRED,
    # ---- OracleIndependence
    Mutant(
        "OracleIndependence",
        "tests/core/oracle.py",
        "        self.end = world.now\n",
        "        self.end = world.now\n        self.level = world.hub.sup.outage\n",
        "tests/test_architecture.py",
    ),
)
