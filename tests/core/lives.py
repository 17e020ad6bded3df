"""A hub's life as operations that random tests put together; what makes no sense at the moment does nothing."""

from chf.wire import schema as s
from tests.core.model import World


class Life:
    """Takes operations as they come; those that make no sense at the moment do nothing."""

    def __init__(self, **options):
        self.world = World(**options)
        self.world.power_on()

    def run(self, operations):
        for name, *args in operations:
            getattr(self, "do_" + name)(*args)

    @property
    def alive(self):
        return self.world.hub.sup is not None

    def do_outage(self, out_s, good_s):
        self.world.lose(out_s)
        self.world.back(good_s)

    def do_lose(self, seconds):
        self.world.lose(seconds)

    def do_back(self, seconds):
        self.world.back(seconds)

    def do_blink(self, good_s, out_s):
        if not self.world.lit:
            self.world.back(good_s)
            self.world.lose(out_s)

    def do_wait(self, seconds):
        self.world.wait(seconds)

    def do_declare(self, window_s, valid_s):
        if self.alive:
            self.world.declare(window_s, valid_s)

    def do_complete(self):
        if self.alive:
            self.world.complete()

    def do_cancel(self):
        if self.alive:
            self.world.cancel()

    def do_repeat(self):
        if self.alive and self.world.last_message:
            self.world.repeat()

    def do_stale(self):
        if self.alive:
            self.world.declare(window_s=599, number=max(1, self.world.esme_counter - 1))

    def do_policy(self, policy):
        if self.alive:
            self.world.wan_counter += 1
            number = self.world.wan_counter.to_bytes(8, "big")
            self.world.deliver("set_policy", {"counter": number, "policy": policy})

    def do_exchange(self):
        if self.alive:
            self.world.wan_counter += 1
            number = self.world.wan_counter.to_bytes(8, "big")
            fields = {"counter": number, "peer": s.PEER_ESME, "key": bytes(range(32))}
            self.world.deliver("rotate_key", fields)

    def do_late_hold_ack(self):
        notices = self.world.sent("hold_notice")
        if self.alive and notices:
            values = notices[-1].values
            self.world.deliver("hold_ack", {"id": values["id"], "window_s": values["window_s"], "accepted": 1})

    def do_holds(self, holds):
        self.world.holds = holds

    def do_wan(self, works):
        self.world.wan = works

    def do_acks(self, acks):
        self.world.acks = acks

    def do_time(self, offset_s):
        self.world.time_offset_s = offset_s

    def do_reset(self, off_s, then_s):
        if self.alive:
            self.world.reset(off_s)
        self.world.wait(then_s)

    def do_cut(self, after):
        self.world.cut(after)

    def do_power_cut(self, seconds):
        if self.alive and not self.world.lit:
            self.world.power_cut()
        self.world.wait(seconds)

    def do_compact(self):
        if self.alive:
            self.world.step("compact")

    def do_holdup(self, mv):
        self.world.holdup(mv)

    def do_block(self, seconds):
        self.world.block(seconds)

    def do_store(self, works):
        self.world.store(works)

    def do_fail(self, index):
        self.world.fail_append(index)

    def settle(self):
        """All is good again for as long as it takes."""
        world = self.world
        world.store(True)
        world.wan = world.acks = world.holds = True
        world.time_offset_s = 0
        world.step("cut", 1 << 28)
        world.holdup(5_000)
        world.back(7_200)
        if not self.alive:
            world.boot(s.RESET_POWER_ON)
            world.wait(7_200)
