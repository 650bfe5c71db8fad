"""No message is lost, whatever is done to a backlog: it waits, is leased, rests, or was acknowledged."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from local.pubsub_server.backlog import AckId, Backlog, Backoff, FlowControl, StoredMessage, Terms

DEADLINE_US = 100
REST_US = 7


class BacklogModel(RuleBasedStateMachine):
    """Beside the backlog: what was published and what was acknowledged, nothing cleverer."""

    backoff: Backoff | None = None

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog(Terms(DEADLINE_US, retention_us=1 << 60, backoff=self.backoff))
        self.flow = FlowControl(max_messages=5)
        self.now_us = 1_000
        self.published = 0
        self.acknowledged: set[int] = set()
        self.handed_out: list[AckId] = []
        self.leased_until: dict[int, int] = {}
        self.attempts: dict[int, int] = {}

    @rule(count=st.integers(1, 6))
    def publish(self, count: int) -> None:
        self.backlog.add(
            StoredMessage(message_id, self.now_us, b"x" * message_id)
            for message_id in range(self.published + 1, self.published + count + 1)
        )
        self.published += count

    @rule(count=st.integers(1, 8), with_flow_control=st.booleans())
    def take(self, count: int, with_flow_control: bool) -> None:
        flow = self.flow if with_flow_control else None
        for ack_id, attempt, message in self.backlog.take(self.now_us, count, 1 << 30, flow):
            message_id = message.message_id
            assert message_id not in self.acknowledged
            assert self.leased_until.get(message_id, 0) <= self.now_us, "taken while another has it"
            assert attempt == self.attempts.get(message_id, 0) + 1
            self.attempts[message_id] = attempt
            self.leased_until[message_id] = self.now_us + DEADLINE_US
            self.handed_out.append(ack_id)

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        ack_ids = self._some(data)
        self.backlog.acknowledge(ack_ids)
        self.acknowledged |= {ack_id.message_id for ack_id in ack_ids}

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        ack_ids = self._some(data)
        self.backlog.give_back(ack_ids, self.now_us)
        for ack_id in ack_ids:
            if self.attempts[ack_id.message_id] == ack_id.attempt:
                self.leased_until[ack_id.message_id] = 0

    @rule(data=st.data(), lease_us=st.integers(1, 2 * DEADLINE_US))
    def extend(self, data: st.DataObject, lease_us: int) -> None:
        self.backlog.release(self.now_us)
        ack_ids = self._some(data)
        self.backlog.extend(ack_ids, self.now_us, lease_us)
        for message_id, attempt in ack_ids:
            is_leased = self.leased_until[message_id] > self.now_us
            if is_leased and self.attempts[message_id] == attempt:
                self.leased_until[message_id] = self.now_us + lease_us

    @rule(passed_us=st.integers(1, 2 * DEADLINE_US))
    def time_passes(self, passed_us: int) -> None:
        self.now_us += passed_us

    @invariant()
    def nothing_is_lost_or_kept_too_long(self) -> None:
        unacknowledged = set(range(1, self.published + 1)) - self.acknowledged
        assert len(self.backlog) == len(unacknowledged)
        assert self.backlog.retained_bytes == sum(unacknowledged)
        assert 0 <= self.flow.messages <= 5

    def teardown(self) -> None:
        """In the end, with all leases over, everything that was not acknowledged is delivered, once."""
        later_us = self.now_us + 4 * DEADLINE_US
        self.backlog.release(later_us)
        rested = self.backlog.take(later_us + REST_US, 1 << 30, 1 << 30)
        assert sorted(delivery.message.message_id for delivery in rested) == sorted(
            set(range(1, self.published + 1)) - self.acknowledged
        )
        assert self.flow.messages == 0
        assert self.flow.bytes == 0

    def _some(self, data: st.DataObject) -> list[AckId]:
        if not self.handed_out:
            return []
        return data.draw(st.lists(st.sampled_from(self.handed_out), max_size=6, unique=True))


class BacklogWithBackoffModel(BacklogModel):
    """The same where messages rest after a failed delivery."""

    backoff = Backoff(minimum_us=1, maximum_us=REST_US)


TestBacklog = BacklogModel.TestCase
TestBacklogWithBackoff = BacklogWithBackoffModel.TestCase
TestBacklog.settings = TestBacklogWithBackoff.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)
