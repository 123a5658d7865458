"""What is known of the running processes: whether the broker answers, and which workers do."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.domain.role import Role

# What `tranship worker` starts; a copy worker verifies, too.
WORKERS = (Role.COPY, Role.STREAM, Role.COORDINATE)


@dataclass(frozen=True)
class WorkerNode:
    """A worker that has answered. `outdated`: its configuration is not the one that we have."""

    name: str
    roles: tuple[Role, ...]
    outdated: bool


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
