"""What people read: progress, what happens next, lists. It writes nothing."""
