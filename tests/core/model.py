"""The world around the core: supply, a head-end, a meter and time that jumps to the next deadline. CPython only.

Times are seconds in calls (0.001 is the step) and ms inside. All that is done is kept as a script for replay.py.
"""

import json
from hashlib import sha256

from chf.wire import schema as s
from tests.core.replay import ESME, FOREVER, HUB, Hub, octets

SUPPLY = s.SENSE_SUPPLY | s.SENSE_MT_PR
OUT = s.SENSE_AC_LO | s.SENSE_MT_PR  # a meter in its place that says "no AC"
UTC = 832_619_520  # the head-end's clock at time 0
IMAGE = bytes(range(32))
BOOT_MS = 100  # from power to the first sample
FAR = 1 << 60


def counter(n):
    return n.to_bytes(8, "big")


def flagged(world, policy=s.POLICY_TAG, **flag):
    """A hub of the fixture `world` with a declared flag pending."""
    hub = world(policy=policy)
    assert hub.declare(**flag) == "flag_ack"
    return hub


class World:
    """A hub and its surroundings. The attributes are the head-end's and the meter's habits; set them at any time.

    wan: the WAN carries. acks: the head-end acknowledges. holds: it accepts (True), declines (False) or ignores (None)
    a HoldNotice. time_offset_s: added to its clock, None where it answers no time request. stuck_utc: what its clock
    says where it sticks. delay_s: of each answer.
    """

    def __init__(self, tick=1_000, **options):
        self.hub = Hub(options)
        self.options = options
        self.tick = tick
        self.script = []
        self.supply = [(0, True)]  # (ms, good): the truth, whether or not the hub lives to see it
        self.heard = []  # entries that reached the head-end
        self.answers = []  # entries that reached the meter
        self.wan = self.acks = self.holds = True
        self.time_offset_s = 0
        self.stuck_utc = None
        self.delay_s = 0.05
        self.last_message = None
        self.esme_counter = 0
        self.wan_counter = 0
        self._inbox = []  # (ms, name, fields)
        self._seen = 0
        self._boot_at = None
        self._boot_reset = s.RESET_OTHER

    # ---- the script

    @property
    def now(self):
        return self.hub.time

    def step(self, *step):
        if step[0] == "at" and self.script and self.script[-1][0] == "at":
            self.script[-1] = list(step)
        else:
            self.script.append(list(step))
        alive = self.hub.sup is not None or step[0] == "boot"
        before = len(self.hub.log)
        self.hub.step(step)
        if alive and self.hub.sup is None:
            self._boot_at = self.now + 300
            self._boot_reset = s.RESET_OTHER
            if step[0] == "boot" and all(entry.kind != "journal" for entry in self.hub.log[before:]):
                self._boot_reset = step[1]  # power that bounces: a first start that left no trace is not told apart
        self._listen()

    def replay_text(self):
        """What to hand to replay.Hub(options).run(script) to see the same again."""
        return json.dumps({"options": self.options, "script": self.script})

    def run_until(self, time):
        """Deadlines, answers on their way and due boots, up to `time` ms."""
        while True:
            at = min(time, *(due for due in (self.hub.deadline(), self._boot_at) if due is not None), self._inbox_at())
            self.step("at", max(at, self.now))
            if self._boot_at is not None and self._boot_at <= self.now:
                self.boot(self._boot_reset)
            elif self._inbox_at() <= self.now:
                _, name, fields = self._inbox.pop(0)
                if self.hub.sup is not None:
                    self.deliver(name, fields)
            elif at >= time:
                return

    def _inbox_at(self):
        return self._inbox[0][0] if self._inbox else FAR

    def _listen(self):
        """The head-end and the meter react to what the hub has just sent."""
        log = self.hub.log
        while self._seen < len(log):
            entry = log[self._seen]
            self._seen += 1
            if entry.kind != "send":
                continue
            if entry.name in ("flag_ack", "flag_refusal", "gbcs_to_esme"):
                self.answers.append(entry)
            elif self.wan:
                self.heard.append(entry)
                self._answer(entry.name, entry.values)

    def _answer(self, name, values):
        if name == "time_request" and self.time_offset_s is not None:
            fields = {"nonce": values["nonce"], "utc": self.utc(), "counter": counter(self.wan_counter)}
            self.post("time_reply", fields)
        elif name == "ad1" and self.acks:
            self.post("ad1_ack", {"id": values["id"], "revision": values["revision"]})
        elif name == "hold_notice" and self.holds is not None:
            fields = {"id": values["id"], "window_s": values["window_s"], "accepted": int(self.holds)}
            self.post("hold_ack", fields)
        elif name == "without_notice" and self.acks:
            self.post("without_notice_ack", {"id": values["id"], "after": values["after"]})
        elif name == "restored" and self.acks:
            self.post("restored_ack", {"id": values["id"]})

    def utc(self):
        return UTC + self.time_offset_s + self.now // 1000 if self.stuck_utc is None else self.stuck_utc

    def post(self, name, fields, delay_s=None):
        delay = self.delay_s if delay_s is None else delay_s
        self._inbox.append((self.now + round(delay * 1000), name, fields))
        self._inbox.sort(key=lambda item: item[0])

    def deliver(self, name, fields, tag=None):
        """One authentic message, now. `tag`: its MAC, by default a digest of its content."""
        if tag is None:
            content = f"{name} {sorted((key, octets(value)) for key, value in fields.items())}"
            tag = sha256(content.encode()).digest()[:16]
        self.last_message = (name, fields, tag)
        self.step("message", name, {key: octets(value) for key, value in fields.items()}, octets(tag))

    # ---- power and restarts

    @property
    def lit(self):
        """Whether supply is good."""
        return self.supply[-1][1]

    def power_on(self):
        """First boot of a fresh hub, and its time known."""
        self.boot(s.RESET_POWER_ON)
        self.wait(3)

    def boot(self, reset=s.RESET_OTHER):
        self._boot_at = None
        self.step("boot", reset, self.tick)

    def reset(self, off_s=0.5):
        """Watchdog or soft reset: no power is lost."""
        self.step("off")
        self._boot_at = self.now + round(off_s * 1000)

    def power_cut(self):
        """The hold-up is spent, or the hub pulled off. It boots when supply is back, or when boot() is called."""
        self.step("off")
        self._boot_at = None

    def cut(self, after):
        """Dead after so many effects of the next list, then a reset."""
        self.step("cut", after)

    def wait(self, seconds):
        self.run_until(self.now + round(seconds * 1000))

    def wait_until(self, seconds):
        self.run_until(round(seconds * 1000))

    def block(self, seconds):
        """The hub's loop does nothing for so long; what fell due comes with its next event."""
        self.step("late", self.now + round(seconds * 1000))

    def sense(self, bits, mv=None):
        self.step("sense", bits, self.hub.mv if mv is None else mv)

    def lose(self, seconds=0.0, bits=OUT):
        if self.lit:
            self.supply.append((self.now, False))
        self.sense(bits)
        self.wait(seconds)

    def back(self, seconds=0.0, bits=SUPPLY):
        if not self.lit:
            self.supply.append((self.now, True))
        if self.hub.sup is None and self._boot_at is None:
            self._boot_at = self.now + BOOT_MS
            self._boot_reset = s.RESET_POWER_ON
        self.sense(bits)
        self.wait(seconds)

    def holdup(self, mv):
        self.step("sense", self.hub.bits, mv)

    def store(self, works):
        self.step("store", FOREVER if works else 0, 0 if works else FOREVER)

    def fail_append(self, index):
        """Only the append after `index` more fails."""
        self.step("store", index, 1)

    # ---- the meter

    def meter(self, name, number=None, tag=None, **values):
        """A message of the meter with its next counter; the name of the answer, None where none came at once."""
        if number is None:
            self.esme_counter += 1
            number = self.esme_counter
        fields = {"esme": ESME, "hub": HUB, "counter": counter(number), **values}
        before = len(self.answers)
        self.deliver(name, fields, tag)
        return self.answers[-1].name if len(self.answers) > before else None

    def declare(self, window_s=300, valid_s=1800, number=None, **values):
        values = {"image_hash": IMAGE, "expected_outage_s": window_s, "valid_s": valid_s, **values}
        return self.meter("activation_pending", number, **values)

    def complete(self, number=None, result=s.RESULT_SUCCESS):
        return self.meter("activation_complete", number, image_hash=IMAGE, result=result, version=2)

    def cancel(self, number=None):
        return self.meter("activation_cancel", number)

    def repeat(self):
        """The last message once more, to the bit."""
        self.deliver(*self.last_message)

    def refusal(self):
        """Why the last message of the meter was refused."""
        return self.answers[-1].values["reason"]

    # ---- the head-end

    def command(self, name, number=None, **values):
        """A command with the head-end's next counter; the last thing that the hub then sent over the WAN."""
        if number is None:
            self.wan_counter += 1
            number = self.wan_counter
        self.deliver(name, {"counter": counter(number), **values})
        return self.heard[-1]

    def set_policy(self, policy):
        return self.command("set_policy", policy=policy)

    def relay(self, gbcs, number=None):
        """The head-end sends a GBCS message down; whether the meter got it as it was."""
        before = len(self.answers)
        self.command("gbcs_down", number, gbcs=gbcs)
        return [entry.values["gbcs"] for entry in self.answers[before:] if entry.name == "gbcs_to_esme"] == [gbcs]

    def meter_says(self, gbcs):
        """The meter sends a GBCS message up; whether the head-end got it as it was."""
        before = len(self.heard)
        self.deliver("gbcs_from_esme", {"gbcs": gbcs})
        return self.heard[before].values["gbcs"] == gbcs

    # ---- what happened

    def all(self, kind, name):
        return [entry for entry in self.hub.log if entry.kind == kind and entry.name == name]

    def sent(self, name):
        return self.all("send", name)

    def journaled(self, name):
        return self.all("journal", name)

    def ids(self):
        """Of the outages that an AD1 told of."""
        return {entry.values["id"] for entry in self.sent("ad1")}

    def ad1s(self):
        """(level, cause) of each AD1 that tells something new, in order."""
        told = {}
        for entry in self.sent("ad1"):
            values = entry.values
            told.setdefault((values["id"], values["revision"]), (values["level"], values["cause"]))
        return list(told.values())

    def dump(self):
        return "\n".join(f"{e.time:9} {e.kind:7} {e.name} {e.values}" for e in self.hub.log)
