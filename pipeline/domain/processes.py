"""What is known of the running processes: whether the broker answers, and which workers do."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.domain.role import Role

# What `tranship worker` starts; a copy worker verifies, too.
WORKERS = (Role.COPY, Role.STREAM, Role.COORDINATE)


# Messages expire by the clocks of two machines, some of them after ten seconds.
_CLOCKS_DIFFER_S = 5.0


@dataclass(frozen=True)
class WorkerNode:
    """A worker that has answered. `outdated`: its configuration is not the one that we have.

    `clock_ahead_s`: of ours; negative if it is behind.
    """

    name: str
    roles: tuple[Role, ...]
    outdated: bool
    clock_ahead_s: float = 0.0

    @property
    def clock_off(self) -> str | None:
        """By how much its clock is wrong, or ours, in words; None if that does no harm."""
        if abs(self.clock_ahead_s) < _CLOCKS_DIFFER_S:
            return None
        way = "ahead of" if self.clock_ahead_s > 0 else "behind"
        return f"its clock is {abs(self.clock_ahead_s):.0f} s {way} this machine's"


@dataclass(frozen=True)
class Processes:
    """The broker and the workers, a moment ago. Without the broker nobody can be asked."""

    broker_trouble: str | None = None  # why it does not answer
    workers: tuple[WorkerNode, ...] = ()

    def with_role(self, role: Role) -> list[str]:
        """The names of the workers that do this."""
        return [one.name for one in self.workers if role in one.roles]

    @property
    def missing(self) -> list[Role]:
        """The roles that nobody has, though every migration needs them."""
        return [role for role in WORKERS if not self.with_role(role)]

    @property
    def outdated(self) -> list[str]:
        """The names of the workers whose configuration is another one."""
        return [one.name for one in self.workers if one.outdated]
